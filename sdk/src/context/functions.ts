/**
 * The types for calls of other functions.
 *
 * @module
 */
import type { Functions } from "../project/functions.ts";

/** The input of a tool of another function: `FunctionInput<"cotizador", "cotizar">`. Written by `jelou types --remote`. */
export type FunctionInput<F extends keyof Functions, T extends keyof Functions[F]> = Functions[F][T] extends
  { input: unknown } ? Functions[F][T]["input"] : unknown;

/** The output of a tool of another function, `unknown` if the tool has no schema for it. */
export type FunctionOutput<F extends keyof Functions, T extends keyof Functions[F]> = Functions[F][T] extends
  { output: unknown } ? Functions[F][T]["output"] : unknown;
