// Tries to use storage that other functions could share.
import { define } from "@jelou/functions";
import { attempts } from "./attempts.ts";

export default define({
  description: "Stores",
  config: { public: true, timeout: 120000 },
  handler: () => {
    const global = globalThis as any;
    return attempts({
      localStorage: () => global.localStorage.setItem("a", "b"),
      sessionStorage: () => global.sessionStorage.setItem("a", "b"),
      caches: () => global.caches.open("a"),
      "a cache storage": () => new global.CacheStorage().open("a"),
      storage: () => new global.Storage().setItem("a", "b"),
      "key-value": () => (Deno as any).openKv(),
      "key-value at a path": () => (Deno as any).openKv("/tmp/jelou-hostile"),
      "node:sqlite": async () => {
        const { DatabaseSync } = await import("node:sqlite");
        return new DatabaseSync("/tmp/jelou-hostile.db");
      },
      indexedDB: () => global.indexedDB.open("a"),
    });
  },
});
