/**
 * Evaluates the expressions of the page about the runtime in a real worker.
 *
 * @module
 */
import { define } from "@jelou/functions";
import assert from "node:assert";
import async_hooks from "node:async_hooks";
import buffer from "node:buffer";
import child_process from "node:child_process";
import crypto from "node:crypto";
import diagnostics_channel from "node:diagnostics_channel";
import events from "node:events";
import fs from "node:fs";
import http from "node:http";
import inspector from "node:inspector";
import module from "node:module";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import perf_hooks from "node:perf_hooks";
import process from "node:process";
import querystring from "node:querystring";
import readline from "node:readline";
import sqlite from "node:sqlite";
import stream from "node:stream";
import string_decoder from "node:string_decoder";
import timers from "node:timers/promises";
import url from "node:url";
import util from "node:util";
import v8 from "node:v8";
import vm from "node:vm";
import worker_threads from "node:worker_threads";
import zlib from "node:zlib";

const importComputed = (name: string) => import(name);

/** The variables for the expressions. */
const SCOPE = {
  importComputed,
  ...{ assert, async_hooks, buffer, child_process, crypto, diagnostics_channel, events, fs, http, inspector },
  ...{
    module,
    net,
    os,
    path,
    perf_hooks,
    process,
    querystring,
    readline,
    sqlite,
    stream,
    string_decoder,
    timers,
  },
  ...{ url, util, v8, vm, worker_threads, zlib },
};

/** Expressions that have the same value, on every machine. */
const IDENTITY = [
  ["os.hostname()", "Deno.hostname()"],
  ["os.userInfo().username"],
  ["process.getuid()", "process.getgid()", "os.userInfo().uid", "Deno.uid()", "Deno.gid()"],
  ["os.homedir()"],
  ["os.tmpdir()"],
  ["os.cpus().length", "os.availableParallelism()", "navigator.hardwareConcurrency"],
  ["os.totalmem()", "process.constrainedMemory()", "Deno.systemMemoryInfo().total"],
  ["os.freemem()", "process.availableMemory()", "Deno.systemMemoryInfo().free"],
  ["os.platform()", "process.platform", "Deno.build.os"],
  ["os.release()", "Deno.osRelease()"],
  ["os.version()"],
  ["os.uptime()", "Deno.osUptime()"],
  ["os.loadavg()", "Deno.loadavg()"],
  ["os.networkInterfaces()"],
  ["Deno.networkInterfaces()"],
  ["process.pid", "Deno.pid"],
  ["process.ppid", "Deno.ppid"],
  ["process.umask()", "Deno.umask()"],
  ["process.argv"],
  ["process.execPath"],
  ["Deno.execPath()"],
  ["Deno.args"],
  ["Deno.mainModule"],
  ["process.title"],
  ["process.env.NODE_ENV", 'Deno.env.get("NODE_ENV")'],
  ["Intl.DateTimeFormat().resolvedOptions().timeZone"],
];

/** Attempts to use files outside of the function's folder. */
const FILES = [
  'fs.existsSync("/etc/passwd")',
  'fs.readFileSync("/etc/passwd")',
  'fs.promises.stat("/etc/passwd")',
  'Deno.readTextFile("/etc/passwd")',
  'fs.writeFileSync("/tmp/x", "")',
  'fs.promises.mkdir("x")',
  'Deno.writeTextFile("/tmp/x", "")',
  "Deno.makeTempDir()",
];

/** An example for each module of Node. Modules without an example are only imported. */
const EXAMPLES: Record<string, string> = {
  assert: "assert.rejects(Promise.reject(new Error()))",
  async_hooks: "new async_hooks.AsyncLocalStorage().run(1, () => 2)",
  buffer: 'buffer.Buffer.from("año").toString("base64")',
  crypto: 'crypto.createHmac("sha256", "key").update("text").digest("hex").slice(0, 16)',
  diagnostics_channel: 'diagnostics_channel.channel("x").hasSubscribers',
  events: 'events.once(AbortSignal.timeout(1), "abort").then(([event]) => event.type)',
  http: "http.METHODS.length > 30",
  fs: 'fs.readdirSync(".").includes("index.js")',
  module: 'module.createRequire("file:///x.js")("path").sep',
  net: 'net.isIP("::1")',
  os: "os.EOL",
  path: 'path.join("a", "..", "b")',
  perf_hooks: "typeof perf_hooks.performance.now()",
  process: "typeof process.memoryUsage().heapUsed",
  querystring: 'querystring.parse("a=1&a=2").a',
  sqlite: 'new sqlite.DatabaseSync(":memory:").prepare("SELECT 1 + 1 AS n").get().n',
  stream: 'stream.Readable.from(["a", "b"]).toArray()',
  string_decoder: 'new string_decoder.StringDecoder("utf8").end(new Uint8Array([226, 130, 172]))',
  "timers/promises": 'timers.setTimeout(1, "later")',
  url: 'url.fileURLToPath("file:///a%20b")',
  util: 'util.format("%s=%d", "a", 1)',
  v8: "v8.deserialize(v8.serialize(new Map([[1, 2]]))).get(1)",
  vm: 'vm.runInNewContext("a + 1", { a: 1 })',
  worker_threads: "worker_threads.isMainThread",
  zlib: 'zlib.gunzipSync(zlib.gzipSync("text")).toString()',
};

/** The web's API by kind. */
const WEB: Record<string, string[]> = {
  "Requests": ["fetch", "Request", "Response", "Headers", "FormData", "XMLHttpRequest"],
  "Connections": ["WebSocket", "WebSocketStream", "EventSource", "WebTransport"],
  "Streams": [
    ...["ReadableStream", "WritableStream", "TransformStream", "CompressionStream", "DecompressionStream"],
    ...["TextEncoderStream", "TextDecoderStream"],
  ],
  "Addresses": ["URL", "URLSearchParams", "URLPattern"],
  "Text and bytes": [
    "TextEncoder",
    "TextDecoder",
    "atob",
    "btoa",
    "Blob",
    "File",
    "FileReader",
    "structuredClone",
  ],
  "Cryptography": ["crypto", "CryptoKey", "SubtleCrypto"],
  "Events": ["Event", "EventTarget", "CustomEvent", "AbortController", "AbortSignal", "addEventListener"],
  "Time": ["setTimeout", "setInterval", "queueMicrotask", "performance", "Temporal", "requestAnimationFrame"],
  "Messages": ["MessageChannel", "BroadcastChannel", "Worker", "SharedWorker"],
  "Storage": ["localStorage", "sessionStorage", "caches", "indexedDB"],
  "Code": ["WebAssembly", "eval", "Function"],
  "Pages": ["document", "window", "Image", "ImageData", "OffscreenCanvas", "DOMParser", "HTMLRewriter"],
  "The machine": ["navigator", "navigator.gpu", "navigator.serviceWorker", "alert", "prompt"],
};

/** Attempts that are refused, and why. */
const REFUSED = [
  ["typeof Worker", "a thread has its own heap beyond the memory limit of the function"],
  ['new worker_threads.Worker("", { eval: true })', "the same"],
  ['child_process.execFileSync("/bin/ls")', "a process runs one function and no other program"],
  ['new Deno.Command("/bin/ls").output()', "the same"],
  ['Deno.dlopen("x.so", {})', "native code would pass Deno's permissions"],
  ["process.exit(1)", "the process serves other calls, too"],
  ["process.abort()", "the same"],
  ["process.kill(process.pid)", "the same"],
  ["typeof localStorage", "shared by origin; use `ctx.memory`"],
  ["typeof caches", "the same"],
  ["typeof Deno.openKv", "the same"],
  ["v8.writeHeapSnapshot()", "a snapshot takes several times the memory of the heap"],
  ["inspector.open()", "a debugger reads the calls of others"],
  [
    'importComputed("https://example.com/x.js")',
    "modules are bundled at deploy; a computed name finds only modules of Node",
  ],
  ["typeof navigator.gpu", "servers have no screen"],
] as const;

async function evaluate(expression: string): Promise<string> {
  try {
    const run = new Function(...Object.keys(SCOPE), `return (${expression});`);
    const value = await run(...Object.values(SCOPE));
    return value === undefined ? "undefined" : JSON.stringify(value);
  } catch (error) {
    const { name, code, message } = error as Error & { code?: string };
    return `throws ${code ?? name}: ${message}`;
  }
}

async function importOf(name: string): Promise<string> {
  try {
    await import(`node:${name}`);
    return "yes";
  } catch (error) {
    return `no: ${(error as Error).message}`;
  }
}

const has = (name: string) => new Function(`return typeof ${name} !== "undefined";`)() as boolean;

export default define({
  description: "Tells what functions find",
  handler: async () => {
    const rows = (expressions: readonly string[]) =>
      Promise.all(expressions.map(async (expression) => [expression, await evaluate(expression)]));
    const names = module.builtinModules.map((name) => name.replace("node:", ""))
      .filter((name) => !name.startsWith("_")).sort();
    return {
      identity: await Promise.all(IDENTITY.map(rows)),
      files: await rows(FILES),
      modules: await Promise.all(names.map(async (name) => {
        const example = EXAMPLES[name];
        return [
          name,
          await importOf(name),
          ...example === undefined ? [] : [example, await evaluate(example)],
        ];
      })),
      web: Object.entries(WEB).map(([kind, names]) => ({
        kind,
        present: names.filter(has),
        absent: names.filter((name) => !has(name)),
      })),
      refused: await Promise.all(REFUSED.map(async ([code, why]) => [code, await evaluate(code), why])),
    };
  },
});
