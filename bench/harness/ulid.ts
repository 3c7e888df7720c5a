const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

/** Returns the part of an id after its prefix. */
export function ulid(number: number): string {
  let text = "";
  for (; text.length < 26; number = Math.floor(number / 32)) {
    text = ALPHABET[number % 32] + text;
  }
  return text;
}
