/**
 * Zod 4, speaking with the words of Zod 3: `z.email()` says `Invalid email` with the code `invalid_string`.
 *
 * Those words are the platform's contract, so a locale changes nothing: `z.locales` has every language's name,
 * and each of them is English.
 *
 * Written for Zod 3? `required_error`, `invalid_type_error`, `errorMap` and `error.errors` work as they did. What is
 * different: `z.string().ip()` is `z.ipv4()` or `z.ipv6()`, `ZodIssueCode` has the names of Zod 4 (`invalid_format`,
 * `invalid_value`), `z.object().deepPartial()` and `z.function().args()` are gone. Make a schema with one copy of Zod
 * throughout: a deploy refuses a schema of another copy inside one.
 *
 * ```ts
 * import { z } from "@jelou/functions";
 *
 * const input = z.object({ email: z.email(), page: z.coerce.number().int().default(1) });
 * ```
 *
 * @module
 */
import { z } from "../vendor/zod/index.d.ts";
export { z };
