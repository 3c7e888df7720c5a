/**
 * The limits of `ctx.identity`, which the worker and the mock enforce.
 *
 * @module
 */

/** Maximum length of an audience, in bytes. */
const AUDIENCE_BYTES = 1024;

const encoder = new TextEncoder();

/** Checks an audience and returns it. */
export function checkedAudience(audience: unknown): string {
  if (typeof audience !== "string" || audience === "") {
    throw new TypeError(
      'ctx.identity() takes the audience: the service that gets the token, such as "sts.amazonaws.com"',
    );
  }
  const { length } = encoder.encode(audience);
  if (length > AUDIENCE_BYTES) {
    throw new RangeError(
      `ctx.identity(): an audience has at most ${AUDIENCE_BYTES} bytes, and this one has ${length}`,
    );
  }
  return audience;
}
