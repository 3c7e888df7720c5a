/**
 * `node:fs`: `exists` and `existsSync` never throw, and writes to the standard streams become log lines.
 *
 * @module
 */
import { outputOf } from "../output.ts";
import {
  byteLength,
  encode,
  isView,
  nativeQueueMicrotask,
  NativeUint8Array,
  subarray,
} from "../primordials.ts";
import { replaceAll } from "./replace.ts";

type Callback = (error: Error | null, ...results: unknown[]) => void;
// deno-lint-ignore no-explicit-any -- the shape of an arbitrary function
type Method = (...args: any[]) => any;

interface Fs extends Record<string, Method> {}

/** Prepares the module. */
export function prepareFs(module: object): void {
  const fs = module as Fs;
  const { existsSync, createWriteStream } = fs;
  const exists = (path: unknown): boolean => {
    try {
      return existsSync!(path);
    } catch {
      return false;
    }
  };
  replaceAll(fs, {
    existsSync: exists,
    exists: (path: unknown, callback: (found: boolean) => void) => {
      const found = exists(path);
      nativeQueueMicrotask(() => callback(found));
    },
    createWriteStream: (path: unknown, options?: { fd?: unknown }) => {
      const { stdout, stderr } = globalThis.process as unknown as Record<"stdout" | "stderr", unknown>;
      if (outputOf(options?.fd) !== undefined) return options!.fd === 1 ? stdout : stderr;
      return createWriteStream!(path, options);
    },
    ...synchronous(fs, ["writeSync", "writevSync", "writeFileSync", "appendFileSync"]),
    ...asynchronous(fs, ["write", "writev", "writeFile", "appendFile"]),
  });
}

function synchronous(fs: Fs, names: readonly string[]): Record<string, Method> {
  return wrap(fs, names, (native) => (fd, data, ...rest) => {
    const output = outputOf(fd);
    return output === undefined ? native(fd, data, ...rest) : output.write(bytesOf(data, rest));
  });
}

function asynchronous(fs: Fs, names: readonly string[]): Record<string, Method> {
  return wrap(fs, names, (native) => (fd, data, ...rest) => {
    const output = outputOf(fd);
    if (output === undefined) return native(fd, data, ...rest);
    const written = output.write(bytesOf(data, rest));
    const callback = rest.at(-1) as Callback | undefined;
    if (typeof callback === "function") nativeQueueMicrotask(() => callback(null, written, data));
  });
}

function wrap(fs: Fs, names: readonly string[], wrapper: (native: Method) => Method): Record<string, Method> {
  return Object.fromEntries(names.map((name) => [name, wrapper(fs[name]!)]));
}

/** Returns the bytes to write: of a text, or of a part of one or more buffers. */
function bytesOf(data: unknown, [offset, length]: readonly unknown[]): Uint8Array {
  if (Array.isArray(data)) {
    return encode(data.map((part) => new TextDecoder().decode(bytesOf(part, []))).join(""));
  }
  if (!isView(data)) return encode(String(data));
  const bytes = new NativeUint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
  if (typeof offset === "object" && offset !== null) {
    const { offset: start, length } = offset as { offset?: number; length?: number };
    return bytesOf(data, [start, length]);
  }
  if (typeof offset !== "number") return bytes;
  return subarray(bytes, offset, typeof length === "number" ? offset + length : byteLength(bytes));
}
