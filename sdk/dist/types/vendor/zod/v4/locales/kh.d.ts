import type * as errors from "../core/errors.d.ts";
/** @deprecated Use `km` instead. */
export default function (): {
    localeError: errors.$ZodErrorMap;
};
