// Tries to end its process during the import, but only when it serves, not when it is inspected.
import { define } from "@jelou/functions";

if (Deno.permissions.querySync({ name: "net", host: "example.com:443" }).state === "granted") Deno.exit(0);

export default define({
  description: "starts_and_exits",
  config: { public: true },
  handler: () => "started",
});
