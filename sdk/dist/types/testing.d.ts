/**
 * `@jelou/functions/testing`: mocks for tests of functions.
 *
 * ```ts
 * import { createMockContext, createMockRequest } from "@jelou/functions/testing";
 * import greet from "./index.ts";
 *
 * Deno.test("greets by name", async () => {
 *   const result = await greet.handler({ name: "Ana" }, createMockContext(), createMockRequest());
 *   if (result.greeting !== "Hello, Ana") throw new Error("wrong greeting");
 * });
 * ```
 *
 * @module
 */
export { createMockContext, createMockCronContext, createMockEventContext, type MockContext, type MockContextOptions, type MockCronContextOptions, type MockEventContextOptions, } from "./testing/context.d.ts";
export { createMockJelouClient, type MockJelouClient, type MockJelouOptions, type MockSentMessage, } from "./testing/jelou.d.ts";
export { createMockMemoryClient, type MockMemoryClient, type MockMemoryOptions } from "./testing/memory.d.ts";
export { createMockRequest, type MockRequestOptions } from "./testing/request.d.ts";
