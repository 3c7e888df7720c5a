// At its first call, tampers with every built-in that answers and logs could use.
import { define, z } from "@jelou/functions";

const evil = () => {
  throw new Error("tampered");
};
const targets: [any, string[]][] = [
  [JSON, ["parse", "stringify"]],
  [Object, ["keys", "entries", "assign", "freeze", "defineProperty"]],
  [Array.prototype, ["map", "push", "join", "forEach", "slice"]],
  [String.prototype, ["split", "replace", "startsWith", "indexOf", "trim", "toLowerCase"]],
  [Headers.prototype, ["get", "set", "append", "delete", "forEach"]],
  [Request.prototype, ["json", "text", "bytes", "arrayBuffer"]],
  [Response.prototype, ["json", "text", "clone"]],
  [Response, ["json", "error", "redirect"]],
  [RegExp.prototype, ["exec", "test"]],
  [Map.prototype, ["get", "set", "has"]],
  [Date.prototype, ["toISOString"]],
  [TextEncoder.prototype, ["encode"]],
  [Deno.stdout, ["write", "writeSync"]],
  [console, ["log", "error", "info"]],
];
function tamper() {
  for (const [target, names] of targets) for (const name of names) target[name] = evil;
  for (const name of ["Response", "Request", "Headers", "URL", "TextEncoder", "Error"]) {
    (globalThis as any)[name] = evil;
  }
  Error.prepareStackTrace = evil;
  for (const name of ["status", "headers", "body", "method", "url", "key", "value", "details"]) {
    Object.defineProperty(Object.prototype, name, { get: () => "polluted", set() {}, configurable: true });
  }
}

export default define({
  description: "Tampers",
  input: z.object({ email: z.email() }),
  handler: (input, ctx) => {
    ctx.log("logged after all");
    if (input.email === "tamper@example.com") tamper();
    return { email: input.email };
  },
});
