/**
 * How parts of a schema are shown that JSON Schema cannot express.
 *
 * @module
 */
import type { JsonSchema } from "./manifest.ts";

/** Warns that a part of a schema is shown less exactly than it is. */
export type Inexact = (path: readonly PropertyKey[], what: string, shown: string) => void;

/** The schema of a date. */
export const DATE_TIME: JsonSchema = { type: "string", format: "date-time" };

/** The schema of a date in messages. */
export const SHOWN_DATE_TIME = 'a string of format "date-time"';
