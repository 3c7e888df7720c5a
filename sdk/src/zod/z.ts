/**
 * Zod 4 with the error codes and messages of Zod 3: `z.email()` reports `Invalid email` with the code `invalid_string`.
 *
 * Codes and messages are the platform's contract, so a locale has no effect: `z.locales` has an entry for every
 * language, and all of them are English.
 *
 * For code written for Zod 3: `required_error`, `invalid_type_error`, `errorMap` and `error.errors` work as before.
 * Differences: `z.string().ip()` is `z.ipv4()` or `z.ipv6()`; `ZodIssueCode` has the names of Zod 4 (`invalid_format`,
 * `invalid_value`); `z.object().deepPartial()` and `z.function().args()` do not exist. Build each schema with one copy
 * of Zod: a deploy refuses a schema that contains a schema of another copy.
 *
 * ```ts
 * import { z } from "@jelou/functions";
 *
 * const input = z.object({ email: z.email(), page: z.coerce.number().int().default(1) });
 * ```
 *
 * @module
 */
import { z } from "zod";
import { legacyIssue, type RawIssue } from "./legacy_issue.ts";
import { messageOfParams, provideErrors } from "./legacy_params.ts";

// Uses `customError` instead of `localeError`: a copy of Zod in the user's bundle shares this configuration and sets
// `localeError` to its English locale when it is imported.
z.config({
  customError: (issue) => {
    const raw = issue as unknown as RawIssue;
    return messageOfParams(raw) ?? legacyIssue(raw).message;
  },
});
provideErrors(z);

export { z };
