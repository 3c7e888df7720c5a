// packages: google-auth-library@10.9.1
// kind: Clouds
// shows: the address of a sign-in, and a token by a request
// input: {}
// answer: {"scope":"email","token":"abc","asked":true}
import { OAuth2Client } from "google-auth-library";
import { define } from "@jelou/functions";

const client = new OAuth2Client({
  clientId: "id",
  clientSecret: "secret",
  redirectUri: "https://tienda.example.com/cb",
  endpoints: { oauth2TokenUrl: "https://peer.fn.localhost/token" },
});

export default define({
  description: "A sign-in with Google",
  handler: async () => {
    const url = new URL(client.generateAuthUrl({ access_type: "offline", scope: "email" }));
    // deno-lint-ignore no-explicit-any
    const { tokens, res } = await client.getToken("code") as any;
    return {
      scope: url.searchParams.get("scope"),
      token: tokens.access_token,
      asked: res.data.body.includes("grant_type=authorization_code"),
    };
  },
});
