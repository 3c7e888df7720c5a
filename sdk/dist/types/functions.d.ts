/**
 * `@jelou/functions`: write serverless functions for Jelou.
 *
 * ```ts
 * import { define, z } from "@jelou/functions";
 *
 * export default define({
 *   description: "Looks up a customer",
 *   input: z.object({ telefono: z.string() }),
 *   handler: async (input, ctx) => {
 *     ctx.log("Buscando cliente", { telefono: input.telefono });
 *     return { ok: true };
 *   },
 * });
 * ```
 *
 * @module
 */
export { app, type AppDefinition, type AppOptions } from "./definition/app.d.ts";
export type { CorsConfig, CronConfig, CronRetry, FunctionConfig, HttpMethod, LogLevel, LogsConfig, ToolAnnotations, } from "./definition/config.d.ts";
export { type AnyFunctionDefinition, define, type DefineOptions, type FunctionDefinition, type Handler, type HandlerInput, type HandlerResult, } from "./definition/define.d.ts";
export type { Context, Env, Logger, SecretKey } from "./context/context.d.ts";
export type { FunctionInput, FunctionOutput } from "./context/functions.d.ts";
export type { Functions } from "./project/functions.d.ts";
export type { Secrets } from "./project/secrets.d.ts";
export type { Bot, Company, Conversation, Operator, User } from "./context/identity.d.ts";
export type { InteractiveMessage, JelouClient, JelouMessage, LocationMessage, MediaMessage, SentMessage, TemplateMessage, TextMessage, } from "./context/jelou.d.ts";
export type { MemoryClient } from "./context/memory.d.ts";
export type { CronTrigger, EventTrigger, HttpTrigger, Trigger } from "./context/trigger.d.ts";
export { JelouApiError } from "./errors/jelou_api_error.d.ts";
export { type FunctionResponse, response, type ResponseBody, type ResponseBuilder, } from "./response/builder.d.ts";
export type { InferInput, InferOutput, StandardIssue, StandardResult, StandardSchemaProps, StandardSchemaV1, } from "./schema/standard_schema.d.ts";
export { z } from "./zod/z.d.ts";
