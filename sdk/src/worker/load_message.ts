/**
 * The engine's one message to a blank worker: the function to load.
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
  /** Words that decide what the worker prepares, as far as the bundle contains them. */
  readonly words: readonly string[];
  readonly functionSlug: string;
  readonly functionId: string;
  readonly deploymentId: string;
  readonly company: Company;
  /** The function's secrets. */
  readonly env: Readonly<Record<string, string>>;
  /** Whether the secrets are also in `process.env` and `Deno.env`. The default is `true`. */
  readonly processEnv?: boolean;
  /** The parent domain of the function host names, without a port. */
  readonly functionsDomain: string;
  /** The unix socket that leads to the platform's own gateway. */
  readonly egressSocket: string | null;
  /** What the worker may connect to although it is denied by default, for the texts of refusals. */
  readonly egress?: readonly OpenRule[];
  /** Whether requests to other hosts go over the egress socket too, because the platform uses a proxy. */
  readonly isProxied?: boolean;
  /** The longest log line in bytes, including its newline. */
  readonly logLineBytes?: number;
  /** The lowest level of the lines that are written. The default is `DEBUG`: all. */
  readonly logLevel?: Level;
  /** Whether `fetch` sends the trace of a call to other hosts too. */
  readonly tracesOutside?: boolean;
  /** Whether the answers of a failed handler tell what it threw, as in development. */
  readonly showsErrors?: boolean;
  /** The largest request body in bytes, after decoding. */
  readonly maxBodyBytes?: number;
  /** The memory store, or `null` if the platform has none. */
  readonly memory: MemoryStore | null;
  /** Credentials of the Jelou API. */
  readonly jelou: JelouCredentials | null;
  /** The settings of `jelou.json`, for a manifest. */
  readonly settings?: Readonly<Record<string, unknown>>;
}

/** An egress rule, and the networks that it has opened for this worker. */
export interface OpenRule {
  /** For example `db.internal:5432`. */
  readonly rule: string;
  /** For example `10.1.2.3/32`; empty if the name did not resolve. */
  readonly networks: readonly string[];
}

/** The platform's memory store. */
export interface MemoryStore {
  /** The largest value in bytes. */
  readonly maxValueBytes?: number;
}

/** The Jelou API's address and the credentials for it. */
export interface JelouCredentials {
  readonly baseUrl: string;
  readonly apiKey: string;
}

/** Why a function could not be loaded. */
export interface LoadFailure {
  readonly code: "IMPORT_FAILED" | "NO_DEFAULT_EXPORT" | "INVALID_DEFINITION";
  readonly message: string;
  readonly stack: string | null;
}

/** The answer of `POST /__jelou/load`. */
export type LoadResult =
  | { readonly ok: true; readonly manifest?: unknown; readonly warnings?: readonly string[] }
  | { readonly ok: false; readonly error: LoadFailure };
