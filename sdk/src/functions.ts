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
export { app, type AppDefinition, type AppOptions } from "./definition/app.ts";
export type {
  CorsConfig,
  CronConfig,
  CronRetry,
  FunctionConfig,
  HttpMethod,
  LogLevel,
  LogsConfig,
  ToolAnnotations,
} from "./definition/config.ts";
export {
  type AnyFunctionDefinition,
  define,
  type DefineOptions,
  type FunctionDefinition,
  type Handler,
  type HandlerInput,
  type HandlerResult,
} from "./definition/define.ts";
export type { Context, Env, Logger, SecretKey } from "./context/context.ts";
export type { FunctionInput, FunctionOutput } from "./context/functions.ts";
export type { Functions } from "./project/functions.ts";
export type { Secrets } from "./project/secrets.ts";
export type { Bot, Company, Conversation, Operator, User } from "./context/identity.ts";
export type {
  InteractiveMessage,
  JelouClient,
  JelouMessage,
  LocationMessage,
  MediaMessage,
  SentMessage,
  TemplateMessage,
  TextMessage,
} from "./context/jelou.ts";
export type { MemoryClient } from "./context/memory.ts";
export type { CronTrigger, EventTrigger, HttpTrigger, Trigger } from "./context/trigger.ts";
export { JelouApiError } from "./errors/jelou_api_error.ts";
export {
  type FunctionResponse,
  response,
  type ResponseBody,
  type ResponseBuilder,
} from "./response/builder.ts";
export type {
  InferInput,
  InferOutput,
  StandardIssue,
  StandardResult,
  StandardSchemaProps,
  StandardSchemaV1,
} from "./schema/standard_schema.ts";
export { z } from "./zod/z.ts";
