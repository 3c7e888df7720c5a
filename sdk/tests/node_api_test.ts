import { deepEqual as equal, match, strictEqual as same } from "node:assert/strict";
import { REPLACED } from "../src/worker/node/names.ts";
import { Worker } from "./worker.ts";

/** A function whose handler is this code. */
const running = (code: string, top = "") => `
  import { define } from "@jelou/functions";
  ${top}
  const attempt = async (code) => { try { return await code(); } catch (error) {
    return { name: error.name, code: error.code, errno: error.errno, syscall: error.syscall, path: error.path, message: error.message };
  } };
  export default define({ description: "x", handler: async (input, ctx) => { ${code} } });
`;

/** Calls the function, which must succeed. */
async function result(worker: Worker, input: unknown = {}): Promise<unknown> {
  const response = await worker.post(input);
  const text = await response.text();
  same(response.status, 200, text);
  return JSON.parse(text);
}

Deno.test("node:os tells nothing of the machine, however it is reached", async () => {
  await using worker = await Worker.serving(running(
    `
    const ways = { whole, named, bare, required: require("os"), prefixed: require("node:os"),
      builtin: process.getBuiltinModule("os"), dynamic: await import("node:os") };
    const told = {};
    for (const [way, os] of Object.entries(ways)) {
      told[way] = {};
      for (const [name, value] of Object.entries(os)) {
        if (typeof value !== "function") continue;
        told[way][name] = name === "setPriority" ? value(5) : await attempt(() => value());
      }
    }
    return told;
  `,
    `
    import whole, * as named from "node:os";
    import * as bare from "os";
    import { createRequire } from "node:module";
    const require = createRequire("file:///index.js");
  `,
  ));
  const { whole, ...others } = await result(worker) as Record<string, Record<string, unknown>>;
  const { arch: _arch, machine: _machine, ...told } = whole!;
  equal(told, {
    availableParallelism: 1,
    cpus: [{ model: "cpu", speed: 0, times: { user: 0, nice: 0, sys: 0, idle: 0, irq: 0 } }],
    endianness: "LE",
    freemem: 134_217_728,
    getPriority: 0,
    homedir: "/",
    hostname: "localhost",
    loadavg: [0, 0, 0],
    networkInterfaces: {},
    platform: "linux",
    release: "6.0.0",
    tmpdir: "/tmp",
    totalmem: 268_435_456,
    type: "Linux",
    uptime: 0,
    userInfo: { uid: 1000, gid: 1000, username: "function", homedir: "/", shell: null },
    version: "#1",
  });
  for (const [way, other] of Object.entries(others)) equal(other, whole, way);
});

Deno.test("no export of node:process and no call of Deno tells of the machine or throws", async () => {
  await using worker = await Worker.serving(running(
    `
    const endings = ["abort", "exit", "kill", "_kill", "reallyExit", "openStdin", "_debugProcess", "_debugEnd"];
    const arguments_ = { chdir: null, emitWarning: ["x"], nextTick: [() => {}], setSourceMapsEnabled: [false], dlopen: null,
      binding: null, getBuiltinModule: ["os"], setUncaughtExceptionCaptureCallback: [null], hrtime: [], loadEnvFile: null,
      setgid: [1], setuid: [1], setegid: [1], seteuid: [1], initgroups: [1, 1], setgroups: [[1]], removeListener: ["x", () => {}] };
    const told = {};
    for (const [way, object] of Object.entries({ whole, named: { ...named }, global: process })) {
      for (const name of Object.getOwnPropertyNames(object)) {
        if (endings.includes(name) || arguments_[name] === null || name.startsWith("std")) continue;
        const value = object[name];
        if (typeof value !== "function" || name === "default") continue;
        const outcome = await attempt(() => value.apply(process, arguments_[name] ?? []));
        if (outcome?.message !== undefined) told[way + "." + name] = outcome.message;
      }
    }
    const deno = ["hostname", "osRelease", "osUptime", "loadavg", "networkInterfaces", "systemMemoryInfo", "uid", "gid", "umask",
      "execPath"].map((name) => [name, Deno[name]()]);
    return { told, deno: Object.fromEntries(deno), args: [Deno.args, Deno.mainModule], argv: process.argv,
      paths: [process.execPath, process.title], report: process.report.getReport().header.host,
      ids: [process.getuid(), process.geteuid(), process.getgid(), process.umask(0o77), process.umask()],
      pids: [process.pid, process.ppid, pid, Deno.pid, Deno.ppid], constrained: process.constrainedMemory() };
  `,
    `import whole, * as named from "node:process"; import { pid } from "process";`,
  ));
  const { told, ...rest } = await result(worker) as { told: unknown };
  equal(told, {});
  equal(rest, {
    deno: {
      hostname: "localhost",
      osRelease: "6.0.0",
      osUptime: 0,
      loadavg: [0, 0, 0],
      networkInterfaces: [],
      systemMemoryInfo: {
        total: 268_435_456,
        free: 134_217_728,
        available: 134_217_728,
        buffers: 0,
        cached: 0,
        swapTotal: 0,
        swapFree: 0,
      },
      uid: 1000,
      gid: 1000,
      umask: 0o22,
      execPath: "/usr/bin/deno",
    },
    args: [[], "file:///index.js"],
    argv: ["/usr/bin/node", "/index.js"],
    paths: ["/usr/bin/node", "function"],
    report: "localhost",
    ids: [1000, 1000, 1000, 0o22, 0o22],
    pids: [1, 0, 1, 1, 0],
    constrained: 268_435_456,
  });
});

Deno.test("named exports of Node's modules are the properties of the modules", async () => {
  const names = Object.keys(REPLACED);
  const imports = names.map((name) =>
    `import * as prefixed_${name} from "node:${name}"; import * as bare_${name} from "${name}";`
  );
  await using worker = await Worker.serving(running(
    `return modules.map((module) => Object.keys(module)
      .filter((key) => key !== "default" && !key.startsWith("std") && module[key] !== module.default[key]));`,
    `${imports.join("\n")}
    const modules = [${names.map((name) => `prefixed_${name}, bare_${name}`)}];`,
  ));
  // In the runtime's own module, one function differs.
  const expected = names.flatMap((name) => Array(2).fill(name === "module" ? ["register"] : []));
  equal(await result(worker), expected);
});

Deno.test("a module of Node's that is not used is not loaded", async () => {
  await using worker = await Worker.serving(
    running(`return typeof Object.getOwnPropertyDescriptor(globalThis, "process").get;`),
  );
  same(await result(worker), "function");
});

/** Accesses to files, with Node's errors. */
const FILES: Record<string, readonly [code: string, syscall: string]> = {
  'fs.readFileSync("/etc/passwd")': ["ENOENT", "open"],
  'fs.promises.readFile("/etc/passwd")': ["ENOENT", "open"],
  'new Promise((ok, no) => fs.readFile("/x", (error) => no(error)))': ["ENOENT", "open"],
  'new Promise((ok, no) => fs.createReadStream("/x").on("error", no))': ["ENOENT", "open"],
  'fs.statSync("/x")': ["ENOENT", "stat"],
  'fs.promises.stat("/x")': ["ENOENT", "stat"],
  'fs.lstatSync("/x")': ["ENOENT", "lstat"],
  'fs.accessSync("/x")': ["ENOENT", "access"],
  'fs.promises.access("/x")': ["ENOENT", "access"],
  'fs.readdirSync("/")': ["ENOENT", "readdir"],
  'fs.promises.readdir("/")': ["ENOENT", "readdir"],
  'fs.openSync("/x")': ["ENOENT", "open"],
  'fs.realpathSync("/x")': ["ENOENT", "lstat"],
  'fs.writeFileSync("/x", "x")': ["EACCES", "open"],
  'fs.promises.writeFile("/x", "x")': ["EACCES", "open"],
  'fs.mkdirSync("/x", { recursive: true })': ["EACCES", "mkdir"],
  'fs.mkdtempSync("/tmp/x")': ["EACCES", "mkdtemp"],
  'fs.unlinkSync("/x")': ["EACCES", "unlink"],
};

Deno.test("errors of node:fs have Node's code, number, call and path", async () => {
  const attempts = Object.keys(FILES).map((code) => `() => ${code}`);
  await using worker = await Worker.serving(
    running(
      `return Promise.all([${attempts}].map(attempt));`,
      `import fs from "node:fs"; import { existsSync } from "fs";`,
    ),
  );
  const outcomes = await result(worker) as Record<string, unknown>[];
  for (const [index, [attempt, [code, syscall]]] of Object.entries(FILES).entries()) {
    const { message, path, ...rest } = outcomes[index]!;
    equal(rest, { name: "Error", code, errno: code === "ENOENT" ? -2 : -13, syscall }, attempt);
    match(String(message), new RegExp(`^${code}: .*, ${syscall} '/`), attempt);
    match(String(path), /^\//, attempt);
  }
});

Deno.test("looking for files never fails", async () => {
  await using worker = await Worker.serving(running(
    `
    return [fs.existsSync("/x"), existsSync("/etc/passwd"), await new Promise((resolve) => fs.exists("/x", resolve)),
      fs.statSync("/x", { throwIfNoEntry: false }) === undefined, process.cwd() === "", fs.existsSync(undefined)];
  `,
    `import fs, { existsSync } from "fs";`,
  ));
  equal(await result(worker), [false, false, false, true, false, false]);
});

Deno.test("refusals have the words of this platform, and the classes and codes of the runtime", async () => {
  await using worker = await Worker.serving(
    running(
      `
    const codes = { read: () => Deno.readTextFile("/etc/passwd"), stat: () => Deno.statSync("/x"), write: () => Deno.writeTextFile("/x", "x"),
      run: () => new Deno.Command("/bin/true").output(), ffi: () => Deno.dlopen("libc.so.6", {}),
      sys: () => process.getBuiltinModule("inspector").open(), loop: () => Deno.connect({ hostname: "127.0.0.1", port: 1 }),
      metadata: () => fetch("http://169.254.169.254/"), v6: () => fetch("http://[::1]:2/"),
      socket: () => new Promise((_, no) => process.getBuiltinModule("net").connect(5432, "10.1.2.3").on("error", no)),
      tls: () => new Promise((_, no) => process.getBuiltinModule("tls").connect(443, "192.168.1.1").on("error", no)) };
    const told = {};
    for (const [name, code] of Object.entries(codes)) {
      const { name: type, code: errorCode, message } = await attempt(code);
      told[name] = [type, errorCode ?? null, message];
    }
    told.name = await fetch("http://localhost:2/").catch((error) => [error.name, error.message, error.cause.message]);
    try { Deno.readTextFileSync("/x"); } catch (error) { told.isNotFound = error instanceof Deno.errors.NotFound; }
    try { Deno.writeTextFileSync("/x", ""); } catch (error) { told.isNotCapable = error instanceof Deno.errors.NotCapable; }
    return told;
  `,
    ),
    {},
    { denied: ["127.0.0.0/8", "169.254.0.0/16", "10.0.0.0/8", "192.168.0.0/16", "[::1]"] },
  );
  const opens = (address: string) =>
    `an administrator can open it: jelou egress allow mi-funcion ${address} ` +
    "(for every function: egress.allow in the server's settings)";
  const told = await result(worker) as Record<string, unknown>;
  equal(told, {
    read: [
      "NotFound",
      "ENOENT",
      "No such file or directory (os error 2): `/etc/passwd`; functions see only their own files",
    ],
    stat: [
      "NotFound",
      "ENOENT",
      "No such file or directory (os error 2): `/x`; functions see only their own files",
    ],
    write: [
      "NotCapable",
      "EACCES",
      "Permission denied (os error 13): `/x`; functions cannot write files, keep data in ctx.memory or in a database",
    ],
    run: ["NotCapable", null, "functions cannot start other programs: `/bin/true`"],
    ffi: ["NotCapable", null, "functions cannot load native libraries: `libc.so.6`"],
    sys: ["NotCapable", null, "functions cannot see or change the machine: `inspector`"],
    loop: [
      "NotCapable",
      "EACCES",
      `\`127.0.0.1:1\` is refused: 127.0.0.0/8 is this machine; ${opens("127.0.0.1:1")}`,
    ],
    metadata: [
      "NotCapable",
      "EACCES",
      `\`169.254.169.254:80\` is refused: 169.254.0.0/16 is link-local; ${opens("169.254.169.254:80")}`,
    ],
    v6: ["NotCapable", "EACCES", `\`[::1]:2\` is refused: it is this machine; ${opens("[::1]:2")}`],
    socket: [
      "NotCapable",
      "EACCES",
      `\`10.1.2.3:5432\` is refused: 10.0.0.0/8 is a private network; ${opens("10.1.2.3:5432")}`,
    ],
    tls: [
      "NotCapable",
      "EACCES",
      `\`192.168.1.1:443\` is refused: 192.168.0.0/16 is a private network; ${opens("192.168.1.1:443")}`,
    ],
    name: [
      "TypeError",
      `fetch failed: \`127.0.0.1:2\` is refused: 127.0.0.0/8 is this machine; ${opens("127.0.0.1:2")}`,
      `error sending request for url (http://localhost:2/): client error (Connect): \`127.0.0.1:2\` is refused: 127.0.0.0/8 is this machine; ${
        opens("127.0.0.1:2")
      }`,
    ],
    isNotFound: true,
    isNotCapable: true,
  });
  // The log has each refused address and program once.
  const first = await worker.nextLog();
  equal([first.level, first.args], ["WARN", ["functions cannot start other programs: `/bin/true`"]]);
  equal((await worker.nextLog()).args, [(told.loop as string[])[2]]);
});

Deno.test("a refusal while a deploy imports the module says that there is no network", async () => {
  await using worker = await Worker.start({ network: false });
  const loaded = await worker.load(
    `
    import { define } from "@jelou/functions";
    await Deno.connect({ hostname: "192.0.2.1", port: 5432 });
    export default define({ description: "x", handler() {} });
  `,
    { mode: "inspect" },
  );
  const { error } = loaded as { error: { message: string; stack: string } };
  const words =
    "`192.0.2.1:5432` cannot be reached: there is no network while a deploy imports the module; connect in the handler";
  same(error.message, `The module cannot be imported: ${words}`);
  match(error.stack, new RegExp(`^NotCapable: ${words}\\n    at `));
});

Deno.test("nobody is told of a flag, also by an import that fails", async () => {
  await using worker = await Worker.serving(
    running(`throw await import(input.url).catch((error) => error);`),
  );
  for (const url of ["https://example.com/x.js", "file:///etc/passwd"]) {
    await (await worker.post({ url })).body?.cancel();
    const line = await worker.nextLine();
    match(line, /cannot be imported at run time|functions see only their own files/);
    same(/--allow|run again/.test(line), false, line);
  }
});
