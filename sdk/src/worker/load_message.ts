/**
 * The engine's one message to a blank worker: which function it becomes.
 *
 * @module
 */
import type { Company } from "../context/identity.ts";

/** The body of `POST /__jelou/load`. */
export interface LoadMessage {
  /** `inspect` reads the manifest in a worker that has no network and serves nobody. */
  readonly mode: "serve" | "inspect";
  /** The function as one ES module. */
  readonly bundle: string;
  readonly functionSlug: string;
  readonly functionId: string;
  readonly deploymentId: string;
  readonly company: Company;
  /** The function's secrets. */
  readonly env: Readonly<Record<string, string>>;
  /** The domain whose sub-domains are functions, without a port. */
  readonly functionsDomain: string;
  /** The unix socket that leads to the platform's own gateway. */
  readonly egressSocket: string | null;
  /** Bytes of a log line, its newline included. */
  readonly logLineBytes?: number;
  /** Bytes of a request's body once it is decoded. */
  readonly maxBodyBytes?: number;
  /** Present when the platform has a memory store. */
  readonly memory: MemoryStore | null;
  /** Credentials of the Jelou API. */
  readonly jelou: JelouCredentials | null;
}

/** The platform's memory store. */
export interface MemoryStore {
  /** Bytes of a value. */
  readonly maxValueBytes?: number;
}

/** Where the Jelou API is, and who calls it. */
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
