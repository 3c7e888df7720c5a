/**
 * `ctx.identity` over the egress socket. The platform identifies the function by its socket, and signs the token.
 *
 * @module
 */
import { checkedAudience } from "../context/audience.ts";
import { type EgressClient, PARENT_HEADER } from "./egress.ts";
import { nativeFetch, NativeRequest, parse, stringify } from "./primordials.ts";

/** Creates the `ctx.identity` of one request. */
export type IdentityFactory = (requestId: string) => (audience: string) => Promise<string>;

/** The URL of the platform's identity API. This host exists only on the egress socket. */
const ADDRESS = "http://jelou.internal/identity";

/** Creates clients of the platform's identity API. Without an egress socket, their calls throw. */
export function identityFactory(egress: EgressClient | null): IdentityFactory {
  return (requestId) => async (audience) => {
    const body = stringify({ audience: checkedAudience(audience) });
    if (egress === null) throw new Error("ctx.identity is not available here: there is no platform");
    const request = new NativeRequest(ADDRESS, {
      method: "POST",
      headers: { [PARENT_HEADER]: requestId, "content-type": "application/json" },
      body,
    });
    const response = await nativeFetch(request, { client: egress() });
    const { token, error } = parse(await response.text()) as { token?: string; error?: string };
    if (token === undefined) {
      throw new Error(`ctx.identity: ${error ?? `the platform answered ${response.status}`}`);
    }
    return token;
  };
}
