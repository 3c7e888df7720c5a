import { deepEqual as equal, strictEqual as same } from "node:assert/strict";
import { Worker } from "./worker.ts";

/** Ways to write a line, with the level of the log line. */
const WAYS: Record<string, string> = {
  'process.stdout.write("line\\n")': "INFO",
  'process.stdout.write(Buffer.from("line\\n"))': "INFO",
  'process.stdout.write("li"), process.stdout.write("ne\\n")': "INFO",
  'process.stdout.write("line")': "INFO",
  'process.stderr.write("line\\n")': "WARN",
  'fs.writeSync(1, "line\\n")': "INFO",
  'writeSync(2, new TextEncoder().encode("line\\n"))': "WARN",
  'fs.writeSync(1, Buffer.from("a line\\nb"), 2, 5)': "INFO",
  'new Promise((resolve) => fs.write(1, "line\\n", resolve))': "INFO",
  'fs.writevSync(1, [Buffer.from("li"), Buffer.from("ne\\n")])': "INFO",
  'fs.writeFileSync(1, "line\\n")': "INFO",
  'new Promise((resolve) => fs.createWriteStream(null, { fd: 1 }).write("line\\n", resolve))': "INFO",
  'require("fs").appendFileSync(1, "line\\n")': "INFO",
  'Deno.stdout.writeSync(new TextEncoder().encode("line\\n"))': "INFO",
  'Deno.stderr.write(new TextEncoder().encode("line\\r\\n"))': "WARN",
  'new Response("line\\n").body.pipeTo(Deno.stdout.writable, { preventClose: true })': "INFO",
  'new (require("console").Console)(process.stdout).log("line")': "INFO",
  'require("console").log("line")': "INFO",
  'console.log("line")': "INFO",
};

Deno.test("every line has the id of its request and the form of ctx.log", async () => {
  await using worker = await Worker.serving(`
    import { define } from "@jelou/functions";
    import fs, { writeSync } from "node:fs";
    import { createRequire } from "node:module";
    const require = createRequire("file:///index.js");
    const ways = [${Object.keys(WAYS).map((code) => `() => (${code})`)}];
    export default define({ description: "x", handler: async ({ way }) => { await null; await ways[way](); } });
  `);
  for (const [way, [code, level]] of Object.entries(WAYS).entries()) {
    const requestId = crypto.randomUUID();
    await (await worker.post({ way }, { requestId })).body?.cancel();
    const line = await worker.nextLog();
    const { timestamp: _, ...rest } = line;
    equal(rest, { requestId, function: "mi-funcion", company: "company-1", level, args: ["line"] }, code);
  }
});

Deno.test("a line in JSON is logged as an object, with its own level and without credentials", async () => {
  await using worker = await Worker.serving(`
    import { define } from "@jelou/functions";
    export default define({ description: "x", handler: (lines) => { for (const line of lines) process.stdout.write(line + "\\n"); } });
  `);
  const lines: [object, string][] = [
    [{ level: 30, msg: "pino" }, "INFO"],
    [{ level: 50, msg: "pino" }, "ERROR"],
    [{ level: "warn", message: "winston" }, "WARN"],
    [{ level: "debug", message: "winston" }, "DEBUG"],
    [{ requestId: "forged", level: "ERROR", args: [] }, "ERROR"],
    [{ message: "other" }, "INFO"],
  ];
  await worker.post([...lines.map(([line]) => JSON.stringify(line)), '{"password":"hunter2"}', "{not json}"]);
  for (const [line, level] of lines) {
    const logged = await worker.nextLog();
    equal([logged.level, logged.args], [level, [line]]);
  }
  equal((await worker.nextLog()).args, [{ password: "[masked]" }]);
  equal((await worker.nextLog()).args, ["{not json}"]);
});

Deno.test("lines of concurrent requests are not mixed", async () => {
  await using worker = await Worker.serving(`
    import { define } from "@jelou/functions";
    export default define({ description: "x", handler: async ({ text }) => {
      process.stdout.write(text + "1");
      await new Promise((resolve) => setTimeout(resolve, 10));
      process.stdout.write(text + "2\\n");
    } });
  `);
  const ids: string[] = [crypto.randomUUID(), crypto.randomUUID()];
  await Promise.all(ids.map((requestId, index) => worker.post({ text: "ab"[index] }, { requestId })));
  const logged: string[] = [];
  for (let count = 0; count < 4; count++) {
    const { requestId, args } = await worker.nextLog();
    logged.push(`${ids.indexOf(requestId!)} ${args[0]}`);
  }
  equal(logged.sort(), ["0 a1", "0 a2", "1 b1", "1 b2"]);
  same(logged.length, 4);
});
