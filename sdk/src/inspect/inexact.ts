/**
 * Replacements for the parts of a schema that JSON Schema cannot express.
 *
 * @module
 */
import type { JsonSchema } from "./manifest.ts";

/** Warns that the JSON Schema shows a part less exactly than the schema. */
export type Inexact = (path: readonly PropertyKey[], what: string, shown: string) => void;

/** The JSON Schema of a date. */
export const DATE_TIME: JsonSchema = { type: "string", format: "date-time" };

/** The text for {@link DATE_TIME} in messages. */
export const SHOWN_DATE_TIME = 'a string of format "date-time"';
