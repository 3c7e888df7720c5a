/**
 * `ctx.memory` over the egress socket. The platform finds the user or conversation of the values by the request's id.
 *
 * @module
 */
import type { MemoryClient } from "../context/memory.ts";
import {
  checkedJson,
  checkedKey,
  checkedText,
  checkedTtl,
  memoryUnavailable,
} from "../context/memory_rules.ts";
import type { MemoryStore } from "./load_message.ts";
import { type EgressClient, PARENT_HEADER } from "./egress.ts";
import { encodeComponent, freeze, nativeFetch, NativeRequest, parse, stringify } from "./primordials.ts";

/** Creates the client of one request. */
export type MemoryFactory = (requestId: string) => MemoryClient;

/** The URL of the platform's memory API. This host exists only on the egress socket. */
const BASE = "http://jelou.internal/memory/";

/** Creates clients of the platform's store. Without a store, the calls of a client throw. */
export function memoryFactory(egress: EgressClient | null, store: MemoryStore | null): MemoryFactory {
  const connected = store === null ? null : egress;
  return (requestId) => createMemory(connected, store?.maxValueBytes, requestId);
}

function createMemory(
  egress: EgressClient | null,
  maxBytes: number | undefined,
  requestId: string,
): MemoryClient {
  const call = async (method: string, key: string, body?: unknown): Promise<Response> => {
    if (egress === null) throw memoryUnavailable();
    const headers: Record<string, string> = { [PARENT_HEADER]: requestId };
    if (body !== undefined) headers["content-type"] = "application/json";
    const request = new NativeRequest(BASE + encodeComponent(checkedKey(key)), {
      method,
      headers,
      body: body === undefined ? null : stringify(body),
    });
    const response = await nativeFetch(request, { client: egress() });
    if (response.ok || (response.status === 404 && method !== "PUT")) return response;
    throw new Error(`ctx.memory: ${await reasonOf(response)}`);
  };
  const read = async (key: string): Promise<unknown> => {
    const response = await call("GET", key);
    const { value } = parse(await response.text()) as { value?: unknown };
    return response.status === 404 ? undefined : value;
  };
  const write = async (key: string, value: unknown, ttl: number | undefined): Promise<void> => {
    const response = await call("PUT", key, ttl === undefined ? { value } : { value, ttl: checkedTtl(ttl) });
    await response.body?.cancel();
  };
  return freeze({
    available: egress !== null,
    get: async (key: string, defaultValue: unknown = null) => await read(key) ?? defaultValue,
    getJson: async (key: string, defaultValue: unknown = null) => {
      const value = await read(key);
      return typeof value === "string" ? parse(value) : value ?? defaultValue;
    },
    set: async (key: string, value: string, ttl?: number) => await write(key, checkedText(value), ttl),
    setJson: async (key: string, value: unknown, ttl?: number) =>
      await write(key, checkedJson(value, maxBytes), ttl),
    delete: async (key: string) => {
      const response = await call("DELETE", key);
      await response.body?.cancel();
    },
  }) as MemoryClient;
}

async function reasonOf(response: Response): Promise<string> {
  const text = await response.text();
  try {
    const { error } = parse(text) as { error?: string | { message?: string } };
    return (typeof error === "string" ? error : error?.message) ?? `the store answered ${response.status}`;
  } catch {
    return `the store answered ${response.status}`;
  }
}
