import { deepEqual as equal, match, strictEqual as same } from "node:assert/strict";
import { Calls, request, text } from "./calls.ts";
import { Worker } from "./worker.ts";

Deno.test("a function has no rights on the machine, while it is imported and after", async () => {
  await using worker = await Worker.start();
  const folder = worker.folder;
  const loaded = await worker.load(`
    import { define } from "@jelou/functions";
    const attempt = async (code) => { try { return ["allowed", String(await code())]; } catch (e) { return e.name; } };
    const probe = () => Promise.all([
      () => Deno.readTextFile("/etc/passwd"), () => Deno.readTextFile(${JSON.stringify(`${folder}/x`)}),
      () => Deno.readDir(${JSON.stringify(folder)})[Symbol.asyncIterator]().next(),
      () => Deno.writeTextFile(${JSON.stringify(`${folder}/x`)}, "x"), () => Deno.remove(${
    JSON.stringify(`${folder}/worker.sock`)
  }),
      () => new Deno.Command("/bin/true").output(),
      () => Deno.dlopen("libc.so.6", {}), () => import("https://example.com/x.js"), () => import("file:///etc/passwd"),
    ].map(attempt));
    const atImport = await probe();
    const names = ["read", "write", "env", "run", "ffi", "sys", "import"];
    export default define({ description: "x", handler: async () => ({ atImport, later: await probe(),
      granted: names.filter((name) => Deno.permissions.querySync({ name }).state === "granted") }) });
  `);
  equal(loaded, { ok: true });
  const { atImport, later, granted } = await (await worker.post({})).json();
  equal(granted, []);
  equal(later, atImport);
  for (const [index, outcome] of atImport.entries()) {
    match(String(outcome), /^(NotFound|NotCapable|TypeError)$/, `attempt ${index}: ${outcome}`);
  }
});

Deno.test("of the files only the egress socket is left", async () => {
  const folder = await Deno.makeTempDir();
  const egressSocket = `${folder}/egress.sock`;
  await using worker = await Worker.serving(
    `
    import { define } from "@jelou/functions";
    export default define({ description: "x", handler: ({ paths }) => paths.map((path) =>
      ["read", "write"].map((name) => Deno.permissions.querySync({ name, path }).state)) });
  `,
    {},
    { egressSocket },
  );
  const paths = [egressSocket, folder, `${worker.folder}/worker.sock`, worker.folder, "/"];
  equal(await (await worker.post({ paths })).json(), [
    ["granted", "granted"],
    ...Array(4).fill(["prompt", "prompt"]),
  ]);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("inspection has no network", async () => {
  await using worker = await Worker.start({ network: false });
  const result = await worker.load(
    `
    import { define } from "@jelou/functions";
    const name = (error) => error.name;
    const outcome = await Promise.all([
      fetch("http://127.0.0.1:8080/").catch(name),
      Deno.connect({ hostname: "127.0.0.1", port: 8080 }).catch(name),
    ]);
    export default define({ description: outcome.join(), handler() {} });
  `,
    { mode: "inspect" },
  );
  // deno-lint-ignore no-explicit-any -- the manifest is JSON here
  same(result.ok && (result.manifest as any).description, "TypeError,NotCapable");
});

Deno.test("storage that functions could share and threads are gone", async () => {
  await using worker = await Worker.serving(`
    import { define } from "@jelou/functions";
    const gone = ["localStorage", "sessionStorage", "caches", "Worker", "SharedWorker"];
    export default define({ description: "x", handler: () =>
      [...gone.map((name) => typeof globalThis[name]), typeof Deno.openKv] });
  `);
  equal(await (await worker.post({})).json(), Array(6).fill("undefined"));
});

Deno.test("two workers know nothing of each other's secrets or state", async () => {
  const module = `
    import { define } from "@jelou/functions";
    globalThis.count = (globalThis.count ?? 0) + 1;
    export default define({ description: "x", handler: (_, ctx) => [ctx.env.toObject(), globalThis.count] });
  `;
  await using one = await Worker.serving(module, { env: { A: "1" } });
  await using two = await Worker.serving(module, { env: { B: "2" } });
  equal(await (await one.post({})).json(), [{ A: "1" }, 1]);
  equal(await (await two.post({})).json(), [{ B: "2" }, 1]);
});

Deno.test("tampering with the world does not change the platform's answers and logs", async (test) => {
  const tampering = `
    const broken = () => { throw new Error("tampered"); };
    const { defineProperty, getOwnPropertyDescriptor, getOwnPropertyNames } = Object;
    const targets = [];
    for (const type of [Array, String, Map, Set, Function, Request, Response, Headers, URLSearchParams, URL, Date, Promise,
      Object.getPrototypeOf(Uint8Array), TextEncoder, TextDecoder, RegExp, Blob, AbortSignal]) {
      for (const name of getOwnPropertyNames(type.prototype)) {
        const known = getOwnPropertyDescriptor(type.prototype, name);
        if (name === "constructor" || !known.configurable || keep.includes(type.name + "." + name)) continue;
        targets.push([type.prototype, name, known.get ? { get: broken } : { value: broken }]);
      }
    }
    for (const name of ["Response", "Request", "Headers", "URL", "URLSearchParams", "Error", "Date", "Map", "Set",
      "TextEncoder", "decodeURIComponent", "encodeURIComponent"]) targets.push([globalThis, name, { value: broken }]);
    for (const name of ["keys", "defineProperty", "create", "freeze", "hasOwn"]) targets.push([Object, name, { value: broken }]);
    targets.push([JSON, "stringify", { value: broken }], [JSON, "parse", { value: broken }], [Array, "isArray", { value: broken }],
      [Number, "isFinite", { value: broken }], [Reflect, "apply", { value: broken }], [globalThis, "Deno", { value: null }],
      [Deno.stdout, "writeSync", { value: broken }]);
    for (let index = 0; index < targets.length; index++) {
      const target = targets[index];
      defineProperty(target[0], target[1], target[2]);
    }
  `;
  await using worker = await Worker.serving(`
    import { define } from "@jelou/functions";
    // The language itself calls these functions. Without them, no code runs.
    const keep = ["Promise.then", "Function.call", "Function.apply", "Function.bind"];
    let done = false;
    const tamper = () => { if (!done) { done = true; ${tampering} } };
    export default define({ description: "x", handler: (input, ctx) => {
      tamper();
      if (input.email.length > 10) throw null;
      ctx.log("still here");
      return { ok: input.email };
    } });
  `);
  await test.step("results and logs", async () => {
    for (let call = 0; call < 2; call++) {
      const response = await worker.post({ email: "a@b.co" });
      same(await response.text(), '{"ok":"a@b.co"}');
      equal((await worker.nextLog()).args, ["still here"]);
    }
  });
  await test.step("a thrown error", async () => {
    const response = await worker.post({ email: "longer-than@b.co" });
    same(response.status, 500);
    same(await response.text(), '{"error":"Internal function error"}');
    const { args } = await worker.nextLog();
    equal(args.slice(0, 2), ["The handler threw null, which has no stack; throw an Error", null]);
    match(args[2], /^The handler is defined at file:/);
  });
  await test.step("a body that is not JSON", async () => {
    const response = await worker.invoke("/", {
      method: "POST",
      body: "{",
      headers: { "content-type": "application/json" },
    });
    same(response.status, 400);
    const { error, details } = await response.json();
    equal([error, details.length], ["Invalid JSON", 1]);
    match((await worker.nextLog()).args[0], /^Request refused with 400/);
  });
  await test.step("a query string", async () => {
    same(await (await worker.invoke("/?email=c@d.co")).text(), '{"ok":"c@d.co"}');
    equal((await worker.nextLog()).args, ["still here"]);
  });
});

Deno.test("replacing JSON.stringify and Array.prototype.map leaves validation alone", async () => {
  await using worker = await Worker.serving(`
    import { define, z } from "@jelou/functions";
    export default define({ description: "x", input: z.object({ role: z.enum(["a", "b"]), n: z.number().min(3) }),
      handler: () => {
        JSON.stringify = () => "tampered"; Response.json = () => new Response("tampered");
        Array.prototype.map = Array.prototype.join = Array.prototype.some = () => { throw new Error("tampered"); };
      } });
  `);
  same((await worker.post({ role: "a", n: 3 })).status, 204);
  const response = await worker.post({ role: "c", n: 1, x: 1 });
  equal(await response.json(), {
    error: "Validation failed",
    details: [
      {
        path: ["role"],
        message: "Invalid enum value. Expected 'a' | 'b', received 'c'",
        code: "invalid_enum_value",
      },
      { path: ["n"], message: "Number must be greater than or equal to 3", code: "too_small" },
    ],
  });
});

Deno.test("a function that has used up its files does not cost the process", async () => {
  using server = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using worker = await Worker.serving(
    `
    import { define } from "@jelou/functions";
    const all = [];
    export default define({ description: "x", handler: async ({ close }) => {
      if (close) return all.splice(0).forEach((connection) => connection.close());
      while (true) {
        try {
          all.push(await Deno.connect({ hostname: "127.0.0.1", port: ${server.addr.port} }));
        } catch (error) {
          // The runtime does parts of its start later. This time is longer.
          await new Promise((resolve) => setTimeout(resolve, 1000));
          return error.message;
        }
      }
    } });
  `,
    {},
    { openFiles: 64 },
  );
  using calls = await Calls.open(worker);
  await calls.send(request(1, {}));
  match(text(await calls.next()), /Too many open files/);

  // This connection waits until a file descriptor is free.
  using later = await Calls.open(worker);
  await later.send(request(2, {}));
  await calls.send(request(3, { body: '{"close":true}' }));
  same((await calls.next()).id, 3);
  same((await later.next()).id, 2);
});

Deno.test("a process that can take no more requests over HTTP ends", async () => {
  using server = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using worker = await Worker.serving(
    `
    import { define } from "@jelou/functions";
    const all = [];
    export default define({ description: "x", handler: async () => {
      while (true) {
        try {
          all.push(await Deno.connect({ hostname: "127.0.0.1", port: ${server.addr.port} }));
        } catch (error) {
          return error.message;
        }
      }
    } });
  `,
    {},
    { openFiles: 64 },
  );
  using calls = await Calls.open(worker);
  await calls.send(request(1, {}));
  match(text(await calls.next()), /Too many open files/);
  // The process may end before the connection is established, and the connection is then reset.
  const another = Deno.connect({ transport: "unix", path: `${worker.folder}/worker.sock` }).catch((error) => {
    if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
  });
  same((await worker.ended).code, 1);
  (await another)?.close();
});
