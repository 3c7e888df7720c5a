import * as z from "./v4/classic/external.d.ts";
export * from "./v4/classic/external.d.ts";
export { z, z as default };
