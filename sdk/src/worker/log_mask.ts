/**
 * Masks credentials in the log. For example, the errors of HTTP clients often contain the failed request with its
 * headers.
 *
 * @module
 */
import { exec, hasOwn, matches, slice, toLowerCase } from "./primordials.ts";

/** The text that replaces a credential. */
export const MASKED = "[masked]";

/** Names of properties and headers that contain credentials, in lower case, without `-` and `_`. */
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

/** Maximum length of a name that is compared. All of these names with their separators are shorter. */
const MAX_NAME = 32;

/** Whether a property or header with this name contains a credential. */
export function isSecretName(name: unknown): boolean {
  if (typeof name !== "string" || name.length > MAX_NAME) return false;
  let bare = "";
  const lower = toLowerCase(name);
  for (let index = 0; index < lower.length; index++) {
    if (lower[index] !== "-" && lower[index] !== "_") bare += lower[index];
  }
  return hasOwn(SECRET_NAMES, bare);
}

/** Matches every text that may contain a credential. Most texts do not match, so they need only this search. */
const HINT = /bearer |basic |jfn_|:\/\/[^\s@]*@|authorization|cookie|api-key|auth-token|jelou-token/i;

/** Patterns of credentials in a text. The first group is the text before the credential. */
const CREDENTIALS: readonly RegExp[] = [
  // Header lines of an HTTP message.
  /((?:proxy-)?authorization\s*:\s*|(?:set-)?cookie\s*:\s*|x-(?:api-key|auth-token|jelou-token)\s*:\s*)[^\r\n]+/gi,
  /(\bbearer )(?=[\w.~+/-]*[\d=_.~+/-])[\w.~+/=-]{8,}/gi,
  /(^[Bb]asic )(?=\S*[A-Z0-9=])[\w+/=-]{8,}$/g,
  /(\bjfn_(?:rt|pat)_)[0-9A-Za-z]+/g,
  // The password in a URL.
  /(:\/\/[^\s:@/]*:)[^\s@/]+(?=@)/g,
];

/** Masks the credentials in a text. */
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
