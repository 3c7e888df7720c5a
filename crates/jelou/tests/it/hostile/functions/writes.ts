// Tries to write, link and remove files, in its own folder too.
import { define } from "@jelou/functions";
import * as fs from "node:fs";
import { attempts } from "./attempts.ts";

export default define({
  description: "Writes",
  config: { public: true, timeout: 120000 },
  handler: ({ data }: { data: string }) =>
    attempts({
      "its own folder": () => Deno.writeTextFile("./file", "x"),
      "its bundle": () => Deno.writeTextFile("./.bundle.js", "\n", { append: true }),
      "a file beside its bundle": () => fs.writeFileSync(new URL("./file", import.meta.url), "x"),
      "its bundle's mode": () => Deno.chmod("./.bundle.js", 0o777),
      "its bundle's name": () => Deno.renameSync("./.bundle.js", "./other.js"),
      "a temporary file": () => Deno.makeTempFile(),
      "the system's temporary folder": () => Deno.writeTextFile("/tmp/jelou-hostile", "x"),
      "node:fs": () => fs.writeFileSync("/tmp/jelou-hostile", "x"),
      "the bootstrap": () => Deno.writeTextFile(new URL(Deno.mainModule), "evil()", { append: true }),
      "the engine": () => Deno.writeTextFile("/proc/self/exe", "evil", { append: true }),
      "a built function": () => Deno.writeTextFile(`${data}/artifacts/x.js`, "evil()"),
      "the key": () => Deno.remove(`${data}/master.key`),
      "a folder": () => Deno.mkdir("./folder"),
      "a symbolic link": () => Deno.symlink("/etc/passwd", "./link"),
      "a hard link": () => Deno.link("/etc/passwd", "./hard-link"),
      "node's symbolic link": () => fs.symlinkSync("/etc/passwd", "./node-link"),
      mode: () => Deno.chmod(".", 0o777),
      owner: () => Deno.chown(".", 0, 0),
      times: () => Deno.utime(".", 0, 0),
      "another folder": () => Deno.chdir("/"),
    }),
});
