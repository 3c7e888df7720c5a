/**
 * `env` of `fetch(request, env, ctx)`: the secrets.
 *
 * In Cloudflare Workers, `env` also contains bindings: key-value stores, buckets, databases, queues. They do not exist
 * here, so code that uses a binding fails with "Cannot read properties of undefined". The log then names the binding.
 *
 * @module
 */
import { currentContext } from "../current.ts";
import { isError, NativeProxy, NativeWeakMap, startsWith, weakMapGet, weakMapSet } from "../primordials.ts";
import { howToSet } from "../secrets_advice.ts";

/** By context of a request: the last unset name that the request's code has read from `env`. */
const missing = new NativeWeakMap<object, string>();

/** Creates `env` from the secrets. */
export function createBindings(secrets: Readonly<Record<string, string>>): Record<string, unknown> {
  return new NativeProxy<Record<string, unknown>>({ ...secrets }, {
    get(target, name, receiver) {
      const value = Reflect.get(target, name, receiver);
      if (value === undefined && typeof name === "string") {
        const context = currentContext();
        if (context !== undefined) weakMapSet(missing, context, name);
      }
      return value;
    },
  });
}

/**
 * Explains an error that an unset name in `env` may have caused: a binding of Cloudflare Workers or a missing secret.
 */
export function bindingHint(error: unknown): string | null {
  const context = currentContext();
  if (context === undefined || !isError(error)) return null;
  const name = weakMapGet(missing, context);
  if (name === undefined || !startsWith(`${error.message}`, "Cannot read properties of undefined")) {
    return null;
  }
  return `env.${name} is not set. If it is a secret${howToSet([name])}\n` +
    "Bindings of Workers (KV, R2, D1, queues, Durable Objects, services) do not exist here: " +
    "use ctx.memory, or a database over the network";
}
