/**
 * Verifies the identity token of a function with jose, as a service would that knows only the issuer's URL.
 *
 * Arguments: the issuer's URL, the token, and its audience.
 */
import { createRemoteJWKSet, errors, jwtVerify } from "jose";

const [issuer, token, audience] = Deno.args;

const discovery = await (await fetch(`${issuer}/.well-known/openid-configuration`)).json();
equal(discovery.issuer, issuer, "issuer of the discovery document");
const keys = createRemoteJWKSet(new URL(discovery.jwks_uri));

const { payload, protectedHeader } = await jwtVerify(token, keys, { issuer, audience });
equal(protectedHeader.alg, "ES256", "algorithm");
equal(payload.function, "caller", "function");
equal(String(payload.sub).startsWith("function:caller:deployment:dep_"), true, "subject");
equal(Number(payload.exp) - Number(payload.iat), 900, "seconds of validity");

const [header, claims, signature] = token.split(".");
const changed = new TextEncoder().encode(JSON.stringify({ ...payload, function: "another" }));
const forged = `${header}.${changed.toBase64({ alphabet: "base64url", omitPadding: true })}.${signature}`;
await refused(forged, audience, errors.JWSSignatureVerificationFailed);
await refused(`${header}.${claims}.`, audience, errors.JWSSignatureVerificationFailed);
await refused(token, "https://another.example.com", errors.JWTClaimValidationFailed);
console.log("jose verifies the identity of a function, and refuses forged ones");

async function refused(token: string, audience: string, kind: new (...args: never[]) => Error) {
  const error = await jwtVerify(token, keys, { issuer, audience }).then(() => undefined, (error) => error);
  if (!(error instanceof kind)) throw new Error(`expected ${kind.name}, not ${error}`);
}

function equal(found: unknown, expected: unknown, what: string) {
  if (found !== expected) throw new Error(`${what}: ${found}, not ${expected}`);
}
