// Tries to read files of the server, of the machine and of other functions.
import { define } from "@jelou/functions";
import * as fs from "node:fs";
import * as promises from "node:fs/promises";
import { attempts, first } from "./attempts.ts";

export default define({
  description: "Reads",
  config: { public: true, timeout: 120000 },
  handler: ({ server, data }: { server: number; data: string }) =>
    attempts({
      passwd: () => Deno.readTextFile("/etc/passwd"),
      shadow: () => Deno.readTextFileSync("/etc/shadow"),
      "node:fs": () => fs.readFileSync("/etc/passwd", "utf8"),
      "node:fs/promises": () => promises.readFile("/etc/passwd", "utf8"),
      "a stream": () => first(fs.createReadStream("/etc/passwd"), "data"),
      "by descriptor": () => fs.openSync("/etc/passwd", "r"),
      "its own environment": () => Deno.readTextFile("/proc/self/environ"),
      "its own memory": () => Deno.open("/proc/self/mem"),
      "the server's environment": () => Deno.readTextFile(`/proc/${server}/environ`),
      "the server's memory": () => Deno.open(`/proc/${server}/mem`, { read: true, write: true }),
      "the server's files": () => [...Deno.readDirSync(`/proc/${server}/fd`)],
      "through /proc": () => Deno.readTextFile(`/proc/self/root/etc/passwd`),
      "the key": () => Deno.readFile(`${data}/master.key`),
      "the database": () => Deno.readFile(`${data}/jelou.db`),
      "other processes' folders": () => [...Deno.readDirSync(`${data}/run`)],
      "built functions": () => [...Deno.readDirSync(`${data}/artifacts`)],
      packages: () => [...Deno.readDirSync(`${data}/cache/deno/npm`)],
      "the root": () => fs.readdirSync("/"),
      "its sockets": () => [...Deno.readDirSync("../w")],
      "the folder above": () => [...Deno.readDirSync("..")],
      "above by name": () => Deno.readTextFileSync("./../../x"),
      "whether it exists": () => Deno.statSync("/etc/shadow"),
      "a real path": () => fs.realpathSync("/proc/self/exe"),
      watching: () => Deno.watchFs("/etc"),
      "the bootstrap": () => Deno.readTextFile(new URL(Deno.mainModule)),
      sqlite: async () => {
        const { DatabaseSync } = await import("node:sqlite");
        return new DatabaseSync(`${data}/jelou.db`).prepare("select * from runtime_tokens").all();
      },
    }),
});
