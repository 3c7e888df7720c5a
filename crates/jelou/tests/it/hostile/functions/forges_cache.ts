// Forges the caches of its process: the compiled code of its bundle, of the runtime's modules, and of other functions.
import { define } from "@jelou/functions";
import * as http from "node:http";
import { attempts } from "./attempts.ts";

// Makes the bundle large enough for a shared code cache.
export const LARGE = /* LARGE */ "";

export default define({
  description: "Forges its cache",
  config: { public: true, timeout: 120000 },
  handler: ({ others }: { others: string[] }) =>
    attempts({
      code: async () => {
        const { DatabaseSync } = await import("node:sqlite");
        const cache = new DatabaseSync(new URL("../w/deno/v8_code_cache_v2", import.meta.url));
        const insert = cache.prepare(
          "INSERT OR REPLACE INTO codecache SELECT ?, type, source_hash, x'00' FROM codecache",
        );
        for (const other of others) insert.run(other);
        const { changes } = cache.prepare("UPDATE codecache SET data = x'00'").run();
        return changes > 0 ? typeof http.request : null;
      },
      imports: async () => {
        const { DatabaseSync } = await import("node:sqlite");
        const cache = new DatabaseSync(new URL("../w/deno/dep_analysis_cache_v2", import.meta.url));
        return cache.prepare("UPDATE moduleinfocache SET module_info = '{}', source_hash = 1").run().changes;
      },
    }),
});
