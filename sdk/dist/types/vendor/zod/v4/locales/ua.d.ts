import type * as errors from "../core/errors.d.ts";
/** @deprecated Use `uk` instead. */
export default function (): {
    localeError: errors.$ZodErrorMap;
};
