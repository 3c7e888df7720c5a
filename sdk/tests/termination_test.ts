import { deepEqual as equal, match, strictEqual as same } from "node:assert/strict";
import { Worker } from "./worker.ts";

/** A function that runs the named attempt. Its call `hold` waits for the call `release`. */
const attempting = (attempts: string, top = "") => `
  import { define } from "@jelou/functions";
  ${top}
  let release; const released = new Promise((resolve) => release = resolve);
  const attempts = { ${attempts}, hold: () => released, release: () => release("held until the end") };
  export default define({ description: "x", handler: (_input, ctx) => attempts[ctx.path.slice(1)]() });
`;

/** Makes every attempt while another call is in flight. The other call must get its answer. */
async function survives(
  worker: Worker,
  names: readonly string[],
  look: (name: string, response: Response) => Promise<void>,
): Promise<void> {
  const held = worker.invoke("/hold");
  for (const name of names) await look(name, await worker.invoke(`/${name}`));
  await (await worker.invoke("/release")).body?.cancel();
  equal(await (await held).json(), "held until the end");
}

/** The code of attempts, by the beginning of their error messages. */
const ENDINGS: Record<string, string> = {
  "Deno.exit(1)": "Deno.exit(1)",
  "Deno.exit()": "Deno.exit()",
  "Deno.kill(": "Deno.kill(Deno.pid, 'SIGKILL')",
  "close()": "close()",
  "process.exit(2)": "process.exit(2)",
  "process.exit(3)": "exit(3)",
  "process.exit(4)": "createRequire('file:///x.js')('process').exit(4)",
  "process.exit(5)": "process.reallyExit(5)",
  "process.exit(6)": "process.getBuiltinModule('process').exit(6)",
  "process.exit(7)": "process.once('SIGTERM', () => process.exit(7)), process.emit('SIGTERM')",
  "process.abort()": "process.abort()",
  "process.abort() ": "abort()",
  "process.abort()  ": "namespace.default.abort()",
  "process.kill(": "process.kill(process.pid)",
  "process.kill( ": "kill(process.pid, 'SIGABRT')",
};

Deno.test("a call that would end the process fails alone", async () => {
  const names = Object.keys(ENDINGS);
  const code = names.map((name, index) => `"${index}": async () => { ${ENDINGS[name]}; }`).join();
  await using worker = await Worker.serving(attempting(
    code,
    `
    import { abort, exit, kill } from "node:process";
    import * as namespace from "node:process";
    import { createRequire } from "node:module";
  `,
  ));
  await survives(worker, names.map((_, index) => String(index)), async (index, response) => {
    same(response.status, 500, ENDINGS[names[Number(index)]!]);
    await response.body?.cancel();
    const { level, args } = await worker.nextLog();
    same(level, "ERROR");
    same(args[0].message.startsWith(names[Number(index)]!.trim()), true, args[0].message);
    match(args[0].message, /: a function cannot end its process, /);
  });
});

Deno.test("what only notes an exit is harmless", async () => {
  await using worker = await Worker.serving(attempting(
    `
      notes: async () => {
        process.exitCode = 3; Deno.exitCode = 4;
        process.on("exit", () => console.log("gone")); process.on("SIGTERM", () => {});
        addEventListener("unload", () => console.log("gone"));
        process.emit("exit", 1);
        return process.kill(process.pid, 0);
      },
      others: async () => {
        const attempt = (code) => { try { code(); return "killed"; } catch (error) { return error.name; } };
        return [attempt(() => Deno.kill(2, "SIGTERM")), attempt(() => process.kill(2, "SIGTERM")), attempt(() => Deno.kill(0))];
      },
      ticks: () => new Promise((resolve) => {
        try { exit(1); } catch { process.nextTick(() => resolve("tick")); }
      })
    `,
    'import process, { exit } from "node:process";',
  ));
  const answers: unknown[] = [];
  await survives(worker, ["notes", "others", "ticks"], async (_, response) => {
    answers.push(await response.json());
  });
  equal(answers, [true, ["NotCapable", "NotCapable", "NotCapable"], "tick"]);
});

Deno.test("an exit while the module is imported refuses it", async () => {
  for (const code of ["process.exit(1)", "Deno.exit()", "exit(0)", "process.abort()"]) {
    for (const mode of ["serve", "inspect"] as const) {
      await using worker = await Worker.start();
      const result = await worker.load(
        `import { exit } from "node:process"; import { define } from "@jelou/functions";
        console.error("API_KEY is missing"); ${code};
        export default define({ description: "x", handler() {} });`,
        { mode },
      );
      same(result.ok, false);
      if (result.ok) return;
      same(result.error.code, "IMPORT_FAILED");
      match(result.error.message, /\): a function cannot end its process/);
      match(result.error.stack!, /\/function\/index\.js:2:/);
      equal((await worker.nextLog()).args, ["API_KEY is missing"]);
    }
  }
});

Deno.test("threads are not available, however they are reached", async () => {
  const script = "'setInterval(() => {}, 1000)', { eval: true }";
  await using worker = await Worker.serving(attempting(
    `
      named: async () => new Worker(${script}),
      whole: async () => new threads.Worker(${script}),
      required: async () => new (createRequire("file:///x.js")("worker_threads").Worker)(${script}),
      builtin: async () => new (process.getBuiltinModule("worker_threads").Worker)(${script}),
      derived: async () => new (class extends Worker {})(${script}),
      rest: async () => {
        const { port1, port2 } = new threads.MessageChannel();
        return [threads.isMainThread, await new Promise((resolve) => {
          port2.once("message", (message) => { port2.close(); resolve(message); }); port1.postMessage("through"); })];
      }
    `,
    `
    import threads, { Worker } from "node:worker_threads";
    import { createRequire } from "node:module";
  `,
  ));
  await survives(worker, ["named", "whole", "required", "builtin", "derived"], async (_, response) => {
    same(response.status, 500);
    await response.body?.cancel();
    match((await worker.nextLog()).args[0].message, /^threads are not available in functions/);
  });
  equal(await (await worker.invoke("/rest")).json(), [true, "through"]);
});

/** Failures after the answer, and their log lines. */
const LATE: Record<string, [code: string, ...lines: string[]]> = {
  "in a tick": ["process.nextTick(() => { throw new Error('late') })", "late"],
  "in a timer": ["setTimeout(() => { throw new Error('late') })", "late"],
  "an immediate": ["setImmediate(() => { throw new Error('late') })", "late"],
  "a microtask": ["queueMicrotask(() => { throw new Error('late') })", "late"],
  "a report": ["reportError(new Error('late'))", "late"],
  "an event": ["setTimeout(() => new EventEmitter().emit('error', new Error('late')))", "late"],
  "a rejection": ["Promise.reject(new Error('late'))", "late"],
  "a listener that fails": [
    "addEventListener('error', () => { throw new Error('listener') }, { once: true }); reportError(new Error('late'))",
    "late",
    "listener",
  ],
  "onerror that fails": [
    "globalThis.onerror = () => { globalThis.onerror = null; throw new Error('onerror') }; reportError(new Error('late'))",
    "late",
    "onerror",
  ],
  "a listener of Node's that fails": [
    "process.once('uncaughtException', () => { throw new Error('again') }); setTimeout(() => { throw new Error('late') })",
    "late",
    "again",
  ],
  "a callback for errors that fails": [
    "process.setUncaughtExceptionCaptureCallback(() => { process.setUncaughtExceptionCaptureCallback(null);" +
    " throw new Error('again') }); setTimeout(() => { throw new Error('late') })",
    "late",
    "again",
  ],
  "a listener for rejections that fails": [
    "addEventListener('unhandledrejection', () => { throw new Error('again') }, { once: true }); Promise.reject(new Error('late'))",
    "late",
    "again",
  ],
};

Deno.test("errors outside of handlers, and in what listens for them, leave a line each", async (test) => {
  const names = Object.keys(LATE);
  const code = names.map((name, index) => `"${index}": async () => { ${LATE[name]![0]}; }`).join();
  await using worker = await Worker.serving(
    attempting(code, 'import { EventEmitter } from "node:events"; import process from "node:process";'),
  );
  for (const [index, name] of names.entries()) {
    await test.step(name, () =>
      survives(worker, [String(index)], async (_, response) => {
        same(response.status, 204);
        for (const line of LATE[name]!.slice(1)) {
          const { level, args } = await worker.nextLog();
          equal([level, args[1].message], ["ERROR", line]);
        }
      }));
  }
});

Deno.test("the function's own error tracker gets what is uncaught", async () => {
  await using worker = await Worker.serving(attempting(
    `throws: async () => {
      addEventListener("error", (event) => console.log("web", event.error.message));
      process.on("uncaughtException", (error) => console.log("node", error.message));
      setTimeout(() => { throw new Error("late"); });
    }`,
  ));
  await (await worker.invoke("/throws")).body?.cancel();
  const lines = [await worker.nextLog(), await worker.nextLog(), await worker.nextLog()];
  equal(lines[0]!.args[1].message, "late");
  equal(lines.slice(1).map(({ args }) => args).sort(), [["node", "late"], ["web", "late"]]);
});

Deno.test("a function that closes its output goes on without a log", async () => {
  for (const code of ["Deno.stdout.close()", "fs.closeSync(1)"]) {
    await using worker = await Worker.serving(attempting(
      `closes: async () => { ${code}; console.log("lost"); throw new Error("lost"); }`,
      'import fs from "node:fs";',
    ));
    await survives(worker, ["closes", "closes"], async (_, response) => {
      same(response.status, 500);
      await response.body?.cancel();
    });
  }
});

Deno.test("heap snapshots are not available", async () => {
  await using worker = await Worker.serving(attempting(
    `
      named: async () => writeHeapSnapshot(),
      whole: async () => v8.getHeapSnapshot(),
      required: async () => createRequire("file:///x.js")("v8").writeHeapSnapshot(),
      rest: async () => v8.deserialize(serialize({ a: 1 }))
    `,
    `
    import v8, { serialize, writeHeapSnapshot } from "node:v8";
    import { createRequire } from "node:module";
  `,
  ));
  await survives(worker, ["named", "whole", "required"], async (_, response) => {
    same(response.status, 500);
    await response.body?.cancel();
    match((await worker.nextLog()).args[0].message, /^heap snapshots are not available in functions/);
  });
  equal(await (await worker.invoke("/rest")).json(), { a: 1 });
});
