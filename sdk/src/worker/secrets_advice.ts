/**
 * How the developer sets secrets, for error messages.
 *
 * @module
 */
let source = "";

/**
 * Sets where the function's secrets come from.
 *
 * @param envFile The file with the secrets in development. `null` on a server, which stores them.
 */
export function setSecretsSource(functionSlug: string, envFile: string | null): void {
  source = envFile === null ? `: jelou secrets set ${functionSlug}` : `, add to ${envFile}:`;
}

/** Returns the continuation of "To set them": a command or a file, and the assignments. */
export function howToSet(keys: readonly string[]): string {
  let text = source;
  for (let index = 0; index < keys.length; index++) text += ` ${keys[index]}=...`;
  return text;
}
