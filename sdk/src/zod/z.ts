/**
 * Zod 4, speaking with the words of Zod 3: `z.email()` says `Invalid email` with the code `invalid_string`.
 *
 * Those words are the platform's contract, so a locale changes nothing: `z.locales` has every language's name,
 * and each of them is English.
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

// `customError` and not `localeError`: a copy of Zod in the user's own bundle shares this configuration and
// installs its English locale over the latter when it is imported.
z.config({ customError: (issue) => legacyIssue(issue as unknown as RawIssue).message });

export { z };
