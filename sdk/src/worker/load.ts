/**
 * Turns a blank worker into the worker of one function. A worker loads only one function in its life.
 *
 * @module
 */
import { setBundle } from "./bundle_position.ts";
import { createBindings } from "./handlers/bindings.ts";
import { captureServers, endCapture } from "./handlers/mod.ts";
import { describeFailure, importFunction, type Loaded as LoadedModule, LoadError } from "./module.ts";
import { createEgress, type EgressClient } from "./egress.ts";
import { createEnv } from "./env.ts";
import { provideEnvironment } from "./environment.ts";
import { createFetch } from "./fetch.ts";
import { watchErrors } from "./json.ts";
import { identityFactory } from "./identity.ts";
import type { LoadedFunction } from "./invocation.ts";
import { loadInspection } from "./inspection.ts";
import { waitForDebugger } from "./inspector.ts";
import { jelouFactory } from "./jelou.ts";
import type { LoadMessage, LoadResult } from "./load_message.ts";
import { setLogLevel, setLogSettings } from "./log.ts";
import { memoryFactory } from "./memory.ts";
import { createWebSocket } from "./outward_websocket.ts";
import { provideBuiltins } from "./node/builtins.ts";
import { dropRights } from "./permissions.ts";
import { platformUrls } from "./platform_url.ts";
import { setEgress } from "./refused_address.ts";
import { setInspecting } from "./refusal.ts";
import { setSecretsSource } from "./secrets_advice.ts";
import { showThrown } from "./thrown.ts";
import { prepareTools } from "./tool.ts";

/** The result of a load: the report for the engine, and the function if it can serve requests. */
export interface Loaded {
  readonly result: LoadResult;
  readonly fn: LoadedFunction | null;
}

/** Drops the worker's permissions and imports the function. Except in serve mode, also reads its manifest. */
export async function load(message: LoadMessage, socketPath: string): Promise<Loaded> {
  try {
    setLogSettings(message.functionSlug, message.company?.id ?? null, message.logLineBytes);
    setLogLevel(message.logLevel ?? "DEBUG");
    const envFile = message.envFile ?? null;
    setSecretsSource(message.functionSlug, envFile);
    if (envFile !== null) showThrown();
    const inspection = message.mode === "serve" ? null : await loadInspection();
    const egress = message.egressSocket === null ? null : createEgress(message.egressSocket);
    const isPlatformUrl = platformUrls(message.functionsDomain);
    const tracesOutside = message.tracesOutside === true;
    globalThis.fetch = createFetch(isPlatformUrl, egress, {
      isProxied: message.isProxied === true,
      tracesOutside,
    });
    globalThis.WebSocket = createWebSocket(isPlatformUrl, egress);
    setInspecting(inspection !== null);
    setEgress(message.functionSlug, message.egress ?? []);
    provideEnvironment(message.processEnv === false ? {} : message.env);
    provideBuiltins({ isPlatformUrl, egressSocket: message.egressSocket, tracesOutside }, message.words);
    await captureServers(message.words);
    const waiting = message.waitsForDebugger ?? null;
    if (waiting !== null) await waitForDebugger(waiting);
    dropRights(socketPath, message.egressSocket, message.module);
    setBundle(message.module);
    // deno-lint-ignore no-debugger
    if (waiting !== null) debugger;
    const loaded = await importFunction(message.module, message.words);
    if (inspection === null) {
      endCapture();
      return { result: { ok: true }, fn: prepare(loaded, message, egress) };
    }
    const { functionSlug, settings = {} } = message;
    const { manifest, warnings, problems } = inspection.inspect(loaded, functionSlug, settings);
    if (problems.length > 0) throw new LoadError("INVALID_DEFINITION", problems.join("\n"));
    const result = { ok: true, manifest, warnings } as const;
    if (message.mode === "inspect") return { result, fn: null };
    setInspecting(false);
    endCapture();
    return { result, fn: prepare(loaded, message, egress) };
  } catch (error) {
    return { result: { ok: false, error: describeFailure(error) }, fn: null };
  }
}

/** The default maximum of a body in bytes. The engine can set another maximum. */
const MAX_BODY_BYTES = 10 * 1024 * 1024;

/** The data that a function needs in addition to its module. */
export type Surroundings = Omit<LoadMessage, "mode" | "module" | "words">;

/** Makes a function ready for requests. */
export function prepare(
  { definition, handler }: LoadedModule,
  message: Surroundings,
  egress: EgressClient | null,
): LoadedFunction {
  watchErrors();
  const scope = {
    functionSlug: message.functionSlug,
    company: message.company,
    env: createEnv(message.env),
    memory: memoryFactory(egress, message.memory ?? null),
    jelou: jelouFactory(message.jelou ?? null),
    identity: identityFactory(egress),
  };
  return {
    scope,
    tools: definition === null ? {} : prepareTools(definition),
    web: handler === null ? null : { handler, env: createBindings(scope.env.toObject()) },
    body: {
      maxBytes: message.maxBodyBytes ?? MAX_BODY_BYTES,
      toldBytes: message.maxBodyTold ?? "limits.max_body_bytes",
      toldMemory: message.bodyMemoryTold ?? "limits.max_body_memory_mib",
    },
  };
}
