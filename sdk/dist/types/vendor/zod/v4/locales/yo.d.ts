import type * as errors from "../core/errors.d.ts";
export default function (): {
    localeError: errors.$ZodErrorMap;
};
