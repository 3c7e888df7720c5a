/**
 * Reads a function's manifest.
 *
 * The worker loads this file in inspect mode only, so that serving workers do not carry the converters.
 *
 * @module
 */
export { inspect, type Inspection } from "./inspect/manifest.ts";
