/**
 * The secrets of a project. `jelou types` replaces the declarations of this file, in the project's `.jelou/` folder.
 *
 * @module
 */
/** The names of the function's secrets. Empty if they are not known: then every name is allowed. */
export interface Secrets {
}
