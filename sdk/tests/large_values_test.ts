import { match, strictEqual as same } from "node:assert/strict";
import { Calls, request, text } from "./calls.ts";
import { Worker } from "./worker.ts";

/** Attempts to make the platform render 16 MB or more. Each is one line of a handler. */
const LARGE: Record<string, string> = {
  "a thrown error": "throw new Error(big)",
  "a thrown error of wide characters": "throw new Error('ñ😀'.repeat(8e6))",
  "a thrown text": "throw big",
  "a thrown object": "throw { big, objects }",
  "a chain of causes":
    "throw new Error('x', { cause: new Error(big, { cause: new Error(big, { cause: objects }) }) })",
  "a stack": "throw Object.defineProperty(new Error('x'), 'stack', { get: () => big })",
  "a name": "throw Object.assign(new Error('x'), { name: big })",
  "a text form": "throw { toString: () => big, toJSON: () => big }",
  "many errors": "throw new AggregateError(Array.from({ length: 20_000 }, () => new Error('x')), 'many')",
  "fields of an error": "throw Object.assign(new Error('x'), { config: { data: big, headers: { a: big } } })",
  "getters": "throw { get a() { return big; }, get b() { return objects; } }",
  "a proxy":
    "throw new Proxy({}, { ownKeys: () => Array.from({ length: 1e5 }, (_, i) => `k${i}`), get: () => big," +
    " getOwnPropertyDescriptor: () => ({ value: 1, enumerable: true, configurable: true }) })",
  "several objects": "ctx.log(...objects)",
  "texts on the console": "console.log(big, big); console.error(big); console.table(objects)",
  "labels": "console.count(big); console.time(big); console.timeEnd(big); console.assert(false, big)",
  "many empty objects": "console.log(Array.from({ length: 5e5 }, () => ({})))",
  "collections":
    "console.log(new Map(Array.from({ length: 3e5 }, (_, i) => [i, i])), new Set(Array.from({ length: 3e5 }, (_, i) => i)))",
  "a key": "ctx.log({ [big]: 1 })",
  "headers": "ctx.log(new Headers({ a: big }))",
  "a rejection": "Promise.reject(new Error(big))",
  "an error in a timer": "setTimeout(() => { throw new Error(big); })",
  "a JSON value of memory": "await ctx.memory.setJson('k', big)",
  "a JSON object of memory": "await ctx.memory.setJson('k', objects)",
  "a text of memory": "await ctx.memory.set('k', big)",
  "a key of memory": "await ctx.memory.get(big)",
  "a value for a header": "return new Response('', { headers: { a: big } })",
};

/**
 * The most memory of a worker beyond its function's values, in KiB. The runtime itself copies an uncaught
 * error.
 */
const ROOM_KIB = 128 * 1024;

Deno.test("a large value does not cost the process", async (test) => {
  for (const [name, code] of Object.entries(LARGE)) {
    await test.step(name, async () => {
      await using worker = await Worker.serving(
        `
        import { define } from "@jelou/functions";
        let release; const released = new Promise((resolve) => release = resolve);
        const big = "x".repeat(16e6);
        const objects = [1, 2, 3].map((n) => ({ list: Array.from({ length: 200 }, () => big.slice(n)) }));
        export default define({ description: "x", handler: async (input, ctx) => {
          if (input.hold) return await released;
          if (input.release) return release("held");
          ${code};
        } });`,
        { memory: { maxValueBytes: 65_536 } },
        { egressSocket: "/nowhere.sock" },
      );
      using calls = await Calls.open(worker);
      await calls.send(request(1, { body: '{"hold":true}' }));
      const before = peak(worker);
      await calls.send(request(2));
      same((await calls.next()).id, 2);
      await calls.send(request(3, { body: '{"release":true}' }));
      const answers = [await calls.next(), await calls.next()];
      same(text(answers.find(({ id }) => id === 1)!), '"held"');
      const taken = peak(worker) - before;
      same(taken < ROOM_KIB, true, `${taken} KiB`);
    });
  }
});

Deno.test("a value that memory does not take says its limit, and a smaller one has none in its way", async () => {
  await using worker = await Worker.serving(
    `
    import { define } from "@jelou/functions";
    export default define({ description: "x", handler: async ({ value }, ctx) => {
      try { await ctx.memory.setJson("k", value); } catch (error) { return error.message; }
    } });`,
    { memory: { maxValueBytes: 100 } },
    { egressSocket: "/nowhere.sock" },
  );
  const refusal = async (value: unknown) => await (await worker.post({ value })).json();
  for (const value of ["x".repeat(101), { list: Array(101).fill(0) }, { ["k".repeat(101)]: 1 }]) {
    match(await refusal(value), /^ctx\.memory\.setJson\(\): the value is over 100 bytes of JSON \(limits\./);
  }
  // No store answers on the socket.
  match(await refusal({ text: "x".repeat(80) }), /fetch failed/);
});

Deno.test("the details of a 400 are 100 at most, and short", async () => {
  await using worker = await Worker.serving(`
    import { define, z } from "@jelou/functions";
    export default define({ description: "x", input: z.object({ list: z.array(z.string()), mode: z.enum(["a"]),
      names: z.record(z.string(), z.number()) }).partial(), handler() {} });
  `);
  const details = async (input: unknown) => {
    const response = await worker.post(input);
    same(response.status, 400);
    return (await response.json()).details;
  };
  same((await details({ list: Array(5_000).fill(1) })).length, 100);
  same((await details({ mode: "x".repeat(1e6) }))[0].message.length, 1_001);
  same((await details({ names: { ["x".repeat(1e6)]: "" } }))[0].path[1].length, 1_001);
});

/** The peak resident memory of the process, in KiB. */
function peak(worker: Worker): number {
  const status = Deno.readTextFileSync(`/proc/${worker.pid}/status`);
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)![1]);
}
