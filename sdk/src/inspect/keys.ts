/**
 * Reports unknown keys. Most of them are misspelt settings, which would otherwise have no effect.
 *
 * @module
 */

/** Reports each unknown key of an object and suggests the nearest known key. */
export function checkKeys(object: object, known: readonly string[], problem: (text: string) => void): void {
  for (const key of Object.keys(object)) {
    if (known.includes(key)) continue;
    const near = nearMiss(key, known);
    const advice = near === null ? `known are ${known.join(", ")}` : `did you mean \`${near}\`?`;
    problem(`has the unknown key \`${key}\`; ${advice}`);
  }
}

/** Returns the nearest known key, or `null` if no key is near. */
export function nearMiss(key: string, known: readonly string[]): string | null {
  let best: string | null = null;
  let least = Math.max(2, Math.floor(key.length / 3)) + 1;
  for (const candidate of known) {
    const distance = distanceOf(key.toLowerCase(), candidate.toLowerCase());
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best;
}

/** The Levenshtein distance: how many characters must be inserted, deleted or replaced. */
function distanceOf(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = row[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1);
      next[j] = Math.min(replaced, row[j]! + 1, next[j - 1]! + 1);
    }
    row = next;
  }
  return row[to.length]!;
}
