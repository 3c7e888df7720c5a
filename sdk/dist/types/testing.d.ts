/**
 * `@jelou/functions/testing`: mocks for tests of functions.
 *
 * ```ts
 * import { define, z } from "@jelou/functions";
 * import { createMockContext, createMockRequest } from "@jelou/functions/testing";
 *
 * // The default export of index.ts.
 * const greet = define({
 *   description: "Greets by name",
 *   input: z.object({ name: z.string() }),
 *   handler: async ({ name }) => ({ greeting: `Hello, ${name}` }),
 * });
 *
 * Deno.test("greets by name", async () => {
 *   const result = await greet.handler({ name: "Ana" }, createMockContext(), createMockRequest());
 *   if (result.greeting !== "Hello, Ana") throw new Error(`the greeting is "${result.greeting}"`);
 * });
 * ```
 *
 * @module
 */
export { createMockContext, createMockCronContext, createMockEventContext, type MockContext, type MockContextOptions, type MockCronContextOptions, type MockEventContextOptions, } from "./testing/context.d.ts";
export { createMockJelouClient, type MockJelouClient, type MockJelouOptions, type MockSentMessage, } from "./testing/jelou.d.ts";
export { createMockMemoryClient, type MockMemoryClient, type MockMemoryOptions } from "./testing/memory.d.ts";
export { createMockRequest, type MockRequestOptions } from "./testing/request.d.ts";
