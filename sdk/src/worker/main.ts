/**
 * The worker: a Deno process that waits for one function and then serves it.
 *
 * The arguments are the paths of unix sockets: the socket for HTTP, the socket for the engine's heartbeat, and the
 * socket of the call channel. The paths of the pipes for answers follow. When the worker listens, it prints one line on
 * standard output. Then the engine sends it a function (`POST /__jelou/load`). After that, the worker answers the
 * requests to this function. {@link CallFacts} contains the gateway's data about a request.
 *
 * @module
 */
import { internalError, json, toResponse, unavailable } from "./answers.ts";
import { serveCalls, takeHeld } from "./channel.ts";
import { captureConsole } from "./console.ts";
import { invoke, type LoadedFunction } from "./invocation.ts";
import { makeRoomFor, restrictGlobals } from "./globals.ts";
import { answerHeartbeat } from "./heartbeat.ts";
import { HttpIncoming } from "./incoming.ts";
import { inspectorUrl } from "./inspector.ts";
import { load } from "./load.ts";
import type { LoadMessage } from "./load_message.ts";
import { log } from "./log.ts";
import { captureOutput } from "./output.ts";
import { translateRefusals } from "./refusal.ts";
import { compile, compileBuiltins } from "./compile.ts";
import { rehearse } from "./rehearsal.ts";
import { prepareSignals } from "./signals.ts";
import { STREAM_FAILED } from "./taken_over.ts";
import { surviveErrors } from "./uncaught.ts";
import { provideWebSockets, upgradeOr } from "./websocket.ts";
import {
  endsWith,
  getHeader,
  parse,
  requestHeaders,
  requestText,
  requestUrl,
  writeStdout,
} from "./primordials.ts";

const { exit } = Deno;
const toNumber = Number;
const LOAD_PATH = "/__jelou/load";
const REHEARSAL_PATH = "/__jelou/rehearse";
const COMPILE_PATH = "/__jelou/compile";
const INSPECTOR_PATH = "/__jelou/inspector";

const [socketPath, heartbeatPath, callsPath, ...answerPipes] = Deno.args;
if (socketPath === undefined) throw new Error("worker.js needs the path of its socket as its first argument");

let loading = false;
let fn: LoadedFunction | null = null;

async function becomeFunction(request: Request): Promise<Response> {
  loading = true;
  const message = parse(await requestText(request)) as LoadMessage;
  const loaded = await load(message, socketPath!);
  fn = loaded.fn;
  return toResponse(json(loaded.result.ok ? 200 : 422, loaded.result));
}

async function rehearseOnce(request: Request): Promise<Response> {
  loading = true;
  const { inspects = false } = parse(await requestText(request)) as { inspects?: boolean };
  await rehearse(callsPath!, inspects, (served) => fn = served);
  loading = false;
  return toResponse(json(200, { ok: true }));
}

async function compileOnce(request: Request): Promise<Response> {
  loading = true;
  const url = parse(await requestText(request)) as string | null;
  const ok = await (url === null ? compileBuiltins() : compile(url));
  loading = false;
  return toResponse(json(200, { ok }));
}

async function tellInspector(): Promise<Response> {
  return toResponse(json(200, { url: await inspectorUrl() }));
}

function handle(request: Request): Response | Promise<Response> {
  if (fn !== null) {
    const requestId = getHeader(requestHeaders(request), "x-jelou-held");
    if (requestId !== null) return takeHeld(requestId) ?? toResponse(unavailable());
    const incoming = new HttpIncoming(request);
    if (incoming.hasBody()) makeRoomFor(toNumber(incoming.header("content-length") ?? fn.body.maxBytes));
    return answerOverHttp(fn, incoming);
  }
  if (!loading && endsWith(requestUrl(request), LOAD_PATH)) return becomeFunction(request);
  if (!loading && endsWith(requestUrl(request), REHEARSAL_PATH)) return rehearseOnce(request);
  if (!loading && endsWith(requestUrl(request), COMPILE_PATH)) return compileOnce(request);
  if (!loading && endsWith(requestUrl(request), INSPECTOR_PATH)) return tellInspector();
  return toResponse(unavailable());
}

async function answerOverHttp(fn: LoadedFunction, incoming: HttpIncoming): Promise<Response> {
  const answer = await invoke(fn, incoming);
  if (incoming.receipt !== null) await incoming.receipt;
  return upgradeOr(toResponse(answer), incoming.native);
}

captureConsole();
captureOutput();
translateRefusals();
prepareSignals();
if (heartbeatPath !== undefined) answerHeartbeat(heartbeatPath);
if (callsPath !== undefined) {
  serveCalls(
    callsPath,
    answerPipes,
    (incoming) => fn === null ? Promise.resolve(unavailable()) : invoke(fn, incoming),
  );
}
restrictGlobals();
provideWebSockets();

const server = Deno.serve({
  transport: "unix",
  path: socketPath,
  onListen: () => writeStdout('{"jelou":"ready"}\n'),
  onError: (error) => {
    if (error !== STREAM_FAILED) log("ERROR", [error]);
    return toResponse(internalError());
  },
}, handle);

// The server ends if it cannot accept a connection. Without the server, the process is useless. So the
// process exits, and the engine starts another process.
const end = () => exit(1);
server.finished.then(end, end);

// Called after the server has started, so that a worker that cannot listen still ends.
surviveErrors();
