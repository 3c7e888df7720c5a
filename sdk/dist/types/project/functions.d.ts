/**
 * The other functions of the server. `jelou types --remote` replaces the declarations of this file, in the project's
 * `.jelou/` folder.
 *
 * @module
 */
/** The functions by slug, and the input and the output of their tools by name. */
export interface Functions {
}
