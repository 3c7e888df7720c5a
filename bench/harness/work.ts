/** Paths of files in `work/`. */
export const FUNCTION = new URL("../work/function.ts", import.meta.url)
  .pathname;
