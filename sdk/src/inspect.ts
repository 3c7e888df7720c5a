/**
 * Reads a function's manifest.
 *
 * The worker loads what this file is built into in inspect mode only: serving workers do not carry the converters.
 *
 * @module
 */
export { inspect, type Inspection } from "./inspect/inspection.ts";
