/**
 * Explains refusals of the sandbox to authors of functions. The runtime's own message proposes a command-line flag that
 * authors and callers cannot set.
 *
 * The runtime creates each refusal as a `Deno.errors.NotCapable`. This file replaces the base class of `NotCapable`:
 *
 * - A refused read becomes a `Deno.errors.NotFound` with the code ENOENT, as if the file did not exist. Packages that
 * only check for a file then continue, and `node:fs` converts it to Node's error.
 * - A refused write stays a `NotCapable` and gets the code EACCES, which `node:fs` converts to Node's error. A refused
 * connection gets the same code.
 * - Any other refusal stays a `NotCapable`.
 * - Every refusal gets a new message.
 *
 * Some refusals are created outside of JavaScript, as part of the message of another error. {@link explainRefusals}
 * replaces their text.
 *
 * @module
 */
import { explainAddress } from "./refused_address.ts";
import { log } from "./log.ts";
import {
  defineProperty,
  exec,
  includes,
  NativeError,
  NativeSet,
  setAdd,
  setHas,
  slice,
} from "./primordials.ts";

/** Whether this process imports the module for a deploy, without network access. */
let inspecting = false;

/**
 * Whether the module is imported for its manifest. In development, the process already has network access,
 * but the import must not use it, because the same import would fail during a deploy.
 */
export function isInspecting(): boolean {
  return inspecting;
}

/** Sets whether this process imports the module for a deploy. */
export function setInspecting(value: boolean): void {
  inspecting = value;
}

/** Matches the runtime's message. The groups are the kind of access and what was refused. */
const REFUSAL = /Requires (\w+) access(?: to ("[^"\n]*"|[^,\n]*))?, run again with the --allow-[\w-]+ flag/;

/** Replaces the base class of `NotCapable`, so that all refusals get a new message. */
export function translateRefusals(): void {
  const { NotCapable, NotFound } = Deno.errors;
  class Refusal extends NativeError {
    constructor(message: string, options?: ErrorOptions) {
      const refusal = exec(REFUSAL, message);
      if (refusal === null) {
        super(message, options);
        return;
      }
      const right = refusal[1]!;
      super(explain(right, unquoted(refusal[2])), options);
      if (right === "net" || right === "write") (this as { code?: string }).code = "EACCES";
      // A derived constructor uses the object that its base constructor returns.
      if (right === "read") return notFound(NotFound, this.message) as this;
    }
  }
  Object.setPrototypeOf(NotCapable, Refusal);
}

/**
 * Creates the error for a refused read. Its name cannot be set, because the constructor of `NotCapable` would set it.
 */
function notFound(NotFound: typeof Deno.errors.NotFound, message: string): Error {
  const error = new NotFound(message);
  defineProperty(error, "name", { get: () => "NotFound", set() {}, configurable: true });
  return defineProperty(error, "code", {
    value: "ENOENT",
    writable: true,
    enumerable: true,
    configurable: true,
  });
}

/** Replaces the texts of the runtime's refusals inside a text. */
export function explainRefusals(text: string): string {
  if (!includes(text, "run again with the --allow-")) return text;
  let explained = "";
  let rest = text;
  for (let refusal = exec(REFUSAL, rest); refusal !== null; refusal = exec(REFUSAL, rest)) {
    explained += slice(rest, 0, refusal.index) + explain(refusal[1]!, unquoted(refusal[2]));
    rest = slice(rest, refusal.index + refusal[0]!.length);
  }
  return explained + rest;
}

function unquoted(what: string | undefined): string | null {
  if (what === undefined) return null;
  return what[0] === '"' ? slice(what, 1, -1) : what;
}

function explain(right: string, what: string | null): string {
  switch (right) {
    // `node:fs` reads the error number from the message.
    case "read":
      return `No such file or directory (os error 2): ${name(what)}; functions see only their own files`;
    case "write":
      return `Permission denied (os error 13): ${name(what)}; functions cannot write files, ` +
        "keep data in ctx.memory or in a database";
    case "net":
      return loggedOnce(refusedAddress(what));
    case "run":
      return loggedOnce(`functions cannot start other programs: ${name(what)}`);
    case "ffi":
      return `functions cannot load native libraries: ${name(what)}`;
    case "import":
      return `${name(what)} cannot be imported at run time; ` +
        "import it by a constant name, so that the deploy puts it into the bundle";
    case "env":
      return `functions cannot see the environment of the server: ${
        name(what)
      }; secrets are in ctx.env and process.env`;
    default:
      return `functions cannot see or change the machine: ${name(what)}`;
  }
}

function name(what: string | null): string {
  return what === null ? "all of it" : `\`${what}\``;
}

function refusedAddress(address: string | null): string {
  if (inspecting) return unreachable(address);
  return `${name(address)} is refused: ${explainAddress(address)}`;
}

/** The message about an address that a module uses during its import. */
export function unreachable(address: string | null): string {
  return `${name(address)} cannot be reached: there is no network while a deploy imports the module; ` +
    "connect in the handler";
}

/** Maximum number of different refusals that are logged. */
const MAX_LOGGED = 100;
const logged = new NativeSet<string>();
let loggedCount = 0;

/**
 * Logs a refusal once, because packages often hide the cause of their errors. Logs nothing during a deploy,
 * which reports the error itself.
 */
function loggedOnce(message: string): string {
  if (!inspecting && !setHas(logged, message) && loggedCount < MAX_LOGGED) {
    loggedCount++;
    setAdd(logged, message);
    log("WARN", [message]);
  }
  return message;
}
