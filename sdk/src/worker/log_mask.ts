/**
 * Keeps credentials out of the log: errors of HTTP clients carry the request that failed, with its headers.
 *
 * @module
 */
import { exec, hasOwn, matches, slice, toLowerCase } from "./primordials.ts";

/** What stands in a credential's place. */
export const MASKED = "[masked]";

/** Names of properties and headers whose values are credentials, in lower case and without `-` and `_`. */
const SECRET_NAMES: Readonly<Record<string, true>> = {
  accesstoken: true,
  apikey: true,
  apitoken: true,
  auth: true,
  authorization: true,
  authtoken: true,
  clientsecret: true,
  cookie: true,
  idtoken: true,
  passwd: true,
  password: true,
  privatekey: true,
  proxyauthorization: true,
  refreshtoken: true,
  secretaccesskey: true,
  secretkey: true,
  sessiontoken: true,
  setcookie: true,
  xaccesstoken: true,
  xapikey: true,
  xauthtoken: true,
  xjeloutoken: true,
};

/** Longer than any of them with its separators. */
const MAX_NAME = 32;

/** Whether what this name stands for is a credential. */
export function isSecretName(name: unknown): boolean {
  if (typeof name !== "string" || name.length > MAX_NAME) return false;
  let bare = "";
  const lower = toLowerCase(name);
  for (let index = 0; index < lower.length; index++) {
    if (lower[index] !== "-" && lower[index] !== "_") bare += lower[index];
  }
  return hasOwn(SECRET_NAMES, bare);
}

/** What a text with a credential has in it: most texts are looked at once. */
const HINT = /bearer |basic |jfn_|:\/\/[^\s@]*@|authorization|cookie|api-key|auth-token|jelou-token/i;

/** Where credentials are in a text; what is before the credential itself is the first group. */
const CREDENTIALS: readonly RegExp[] = [
  // Lines of a head.
  /((?:proxy-)?authorization\s*:\s*|(?:set-)?cookie\s*:\s*|x-(?:api-key|auth-token|jelou-token)\s*:\s*)[^\r\n]+/gi,
  /(\bbearer )(?=[\w.~+/-]*[\d=_.~+/-])[\w.~+/=-]{8,}/gi,
  /(^[Bb]asic )(?=\S*[A-Z0-9=])[\w+/=-]{8,}$/g,
  /(\bjfn_(?:rt|pat)_)[0-9A-Za-z]+/g,
  // The password in an address.
  /(:\/\/[^\s:@/]*:)[^\s@/]+(?=@)/g,
];

/** A text with its credentials masked. */
export function maskText(text: string): string {
  if (!matches(HINT, text)) return text;
  for (let index = 0; index < CREDENTIALS.length; index++) text = maskAll(CREDENTIALS[index]!, text);
  return text;
}

function maskAll(pattern: RegExp, text: string): string {
  let masked = "";
  let from = 0;
  pattern.lastIndex = 0;
  for (let found = exec(pattern, text); found !== null; found = exec(pattern, text)) {
    masked += slice(text, from, found.index) + found[1] + MASKED;
    from = found.index + found[0]!.length;
  }
  return from === 0 ? text : masked + slice(text, from);
}
