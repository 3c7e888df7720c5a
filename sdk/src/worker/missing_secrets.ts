/**
 * Records unset variables that the function reads. Builds the message about missing secrets for a later error.
 *
 * @module
 */
import { currentContext } from "./current.ts";
import { log } from "./log.ts";
import {
  includes,
  mapEntries,
  mapGet,
  mapNext,
  mapSet,
  matches,
  NativeError,
  NativeMap,
} from "./primordials.ts";
import { isInspecting } from "./refusal.ts";
import { howToSet } from "./secrets_advice.ts";
import { firstOwnFrame } from "./stack.ts";

/** Names that packages or the runtime read and that are not secrets. */
const ORDINARY =
  /^(?:NODE_|npm_|DENO_|VITEST|JEST|DEBUG|LOG_?LEVEL$|NO_COLOR$|FORCE_COLOR$|COLORTERM$|TERM|CI$|HOME|PATH$|PWD$|USER|LANG|LC_|TZ$|TMP|TEMP|EDGE_|NEXT_|VERCEL|BLUEBIRD_|ELYSIA_|UNDICI_|(?:NO|TRACE)_DEPRECATION$|NETLIFY|LAMBDA_|AWS_(?:EXECUTION|LAMBDA|PROFILE|CONFIG|SHARED|SDK|EC2|CONTAINER)|(?:HTTPS?|ALL|NO)_PROXY$|https?_proxy$|(?:all|no)_proxy$)|toJSON$|^then$|^constructor$/;

/** Maximum number of variables that are recorded. */
const MAX_UNSET = 64;

/** A variable that was read although it is not set. */
interface Unset {
  /** The position in the bundle that first read the variable, if it is known. */
  readonly place: string | null;
  /** The id of the last request that read the variable. */
  requestId: string | null;
  reported: boolean;
}

const unset = new NativeMap<string, Unset>();
let count = 0;

/** Records a read of an unset variable. */
export function noteUnset(key: string): void {
  const requestId = currentContext()?.requestId ?? null;
  const known = mapGet(unset, key) as Unset | undefined;
  if (known !== undefined) {
    known.requestId = requestId;
    return;
  }
  if (count === MAX_UNSET || matches(ORDINARY, key)) return;
  count++;
  // During an import, an error's stack makes V8 parse the whole bundle again, which takes 100 ms for 8 MB. Only an
  // inspection needs the position there.
  const place = isInspecting() || requestId !== null ? firstOwnFrame(new NativeError("")) : null;
  mapSet(unset, key, { place, requestId, reported: false });
}

/**
 * Returns the variables that may have caused an error: the variables in its message, otherwise all that were
 * read in the request.
 */
function suspects(message: string, requestId: string | null): [key: string, unset: Unset][] {
  const named: [string, Unset][] = [];
  const read: [string, Unset][] = [];
  const entries = mapEntries(unset);
  for (let step = mapNext(entries); !step.done; step = mapNext(entries)) {
    const entry = step.value as [string, Unset];
    if (includes(message, entry[0])) named[named.length] = entry;
    if (entry[1].requestId === requestId) read[read.length] = entry;
  }
  return named.length > 0 ? named : read;
}

/** Maximum number of variables in a hint, which names the last ones that were read. */
const MAX_NAMED = 3;

/** Returns a text about the secrets that may be missing and how to set them, or `null` if there are none. */
export function missingSecrets(message: string, requestId: string | null): string | null {
  const found = suspects(message, requestId);
  let lines = "";
  const keys: string[] = [];
  for (let index = found.length > MAX_NAMED ? found.length - MAX_NAMED : 0; index < found.length; index++) {
    const { 0: key, 1: unset } = found[index]!;
    if (requestId !== null && unset.reported) continue;
    unset.reported = true;
    lines += `\n  ${key}${unset.place === null ? "" : `, at ${unset.place}`}`;
    keys[keys.length] = key;
  }
  if (lines === "") return null;
  return `It has read secrets that are not set:${lines}\nTo set them${howToSet(keys)}`;
}

/**
 * Logs a warning about unset variables that a failed request has read, once for each variable.
 *
 * @param error What the handler has thrown, or `undefined` if it has answered with an error itself.
 */
export function hintAtMissingSecrets(error: unknown): void {
  if (count === 0) return;
  const requestId = currentContext()?.requestId ?? null;
  if (requestId === null) return;
  let message = "";
  try {
    message = String((error as Error).message);
  } catch {
    // The error has no message.
  }
  const hint = missingSecrets(message, requestId);
  if (hint !== null) log("WARN", [`The request failed. ${hint}`]);
}
