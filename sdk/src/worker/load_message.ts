/**
 * The message with which the engine makes a blank worker load a function.
 *
 * @module
 */
import type { Company } from "../context/identity.ts";
import type { Level } from "./log.ts";

/** The body of `POST /__jelou/load`. */
export interface LoadMessage {
  /**
   * `inspect` reads the manifest in a worker without network, which serves no requests. `develop` reads it in the
   * worker that serves.
   */
  readonly mode: "serve" | "inspect" | "develop";
  /** The `file:` URL of the function's bundle. Its folder has the files that the function reads. */
  readonly module: string;
  /** Substrings that the engine has found in the bundle. They decide what the worker prepares before the import. */
  readonly words: readonly string[];
  readonly functionSlug: string;
  readonly functionId: string;
  readonly deploymentId: string;
  readonly company: Company;
  /** The function's secrets. */
  readonly env: Readonly<Record<string, string>>;
  /** Whether the secrets are also in `process.env` and `Deno.env`. The default is `true`. */
  readonly processEnv?: boolean;
  /** The parent domain of the functions' host names, without a port. */
  readonly functionsDomain: string;
  /** The unix socket of the platform's own gateway, or `null` if there is none. */
  readonly egressSocket: string | null;
  /** The egress rules of this worker, for the explanations of refused connections. */
  readonly egress?: readonly OpenRule[];
  /** Whether requests to other hosts also go over the egress socket, because the platform uses a proxy. */
  readonly isProxied?: boolean;
  /** Maximum length of a log line in bytes, including its newline. */
  readonly logLineBytes?: number;
  /** The lowest level of the lines that are written. The default is `DEBUG`: all lines. */
  readonly logLevel?: Level;
  /** Whether `fetch` also sends the call's `traceparent` to other hosts. */
  readonly tracesOutside?: boolean;
  /**
   * In development, the file with the secrets. Errors name it, and the answer of a failed handler contains the thrown
   * error.
   */
  readonly envFile?: string | null;
  /** The file that the worker creates before it stops for a debugger. It stops before the import. `null`: no stop. */
  readonly waitsForDebugger?: string | null;
  /** Maximum size of a request body in bytes, after decoding. */
  readonly maxBodyBytes?: number;
  /** The texts by which errors name this limit and the memory limit of bodies: setting, value, and who has set it. */
  readonly maxBodyTold?: string;
  readonly bodyMemoryTold?: string;
  /** The memory store, or `null` if the platform has none. */
  readonly memory: MemoryStore | null;
  /** The address and credentials of the Jelou API, or `null` without credentials. */
  readonly jelou: JelouCredentials | null;
  /** The settings of `jelou.json`. Used for the manifest. */
  readonly settings?: Readonly<Record<string, unknown>>;
}

/** An egress rule and the networks that it opens for this worker. */
export interface OpenRule {
  /** The rule, such as `db.internal:5432`. */
  readonly rule: string;
  /** The networks, such as `10.1.2.3/32`. Empty if the host name did not resolve. */
  readonly networks: readonly string[];
}

/** The platform's memory store. */
export interface MemoryStore {
  /** Maximum size of a value in bytes. */
  readonly maxValueBytes?: number;
}

/** The address and credentials of the Jelou API. */
export interface JelouCredentials {
  readonly baseUrl: string;
  readonly apiKey: string;
}

/** The reason why a function could not be loaded. */
export interface LoadFailure {
  readonly code: "IMPORT_FAILED" | "NO_DEFAULT_EXPORT" | "INVALID_DEFINITION";
  readonly message: string;
  readonly stack: string | null;
}

/** The answer of `POST /__jelou/load`. */
export type LoadResult =
  | { readonly ok: true; readonly manifest?: unknown; readonly warnings?: readonly string[] }
  | { readonly ok: false; readonly error: LoadFailure };
