/**
 * Zod 4, speaking with the words of Zod 3.
 *
 * @module
 */
import { z } from "../vendor/zod/index.d.ts";
export { z };
