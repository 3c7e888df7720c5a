/**
 * What an inspection tells the developer.
 *
 * @module
 */

/** Problems, which refuse the deploy, and warnings. */
export interface Report {
  readonly problems: string[];
  readonly warnings: string[];
}

/** Reports a problem of one tool. */
export type Problem = (text: string) => void;
