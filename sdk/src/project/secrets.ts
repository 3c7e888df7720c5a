/**
 * The secrets of a project. `jelou types` replaces the declarations of this file, in the project's `.jelou/` folder.
 *
 * @module
 */

/** The names of the function's secrets. Empty if they are not known: then every name is allowed. */
// deno-lint-ignore no-empty-interface -- the file of a project has the names
export interface Secrets {}
