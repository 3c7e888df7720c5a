/**
 * Reads a function's manifest.
 *
 * Only workers in inspect mode load the bundle of this file, so serving workers do not carry the converters.
 *
 * @module
 */
export { inspect, type Inspection } from "./inspect/inspection.ts";
