// Wants to end its process while it is imported, but only where it serves.
import { define } from "@jelou/functions";

if (Deno.permissions.querySync({ name: "net", host: "example.com:443" }).state === "granted") Deno.exit(0);

export default define({
  description: "starts_and_exits",
  config: { public: true },
  handler: () => "started",
});
