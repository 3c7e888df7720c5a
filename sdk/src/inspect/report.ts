/**
 * The messages of an inspection for the developer.
 *
 * @module
 */

/** Problems make the deploy fail. Warnings do not. */
export interface Report {
  readonly problems: string[];
  readonly warnings: string[];
}

/** Reports a problem of one tool. */
export type Problem = (text: string) => void;
