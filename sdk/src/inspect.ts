/**
 * Reads a function's manifest.
 *
 * Only workers in inspect mode load this file's bundle, so that workers that serve calls do not load the converters.
 *
 * @module
 */
export { inspect, type Inspection } from "./inspect/inspection.ts";
