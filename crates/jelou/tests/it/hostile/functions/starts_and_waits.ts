// Waits for ever during the import, but only when it serves, not when it is inspected.
import { define } from "@jelou/functions";

if (Deno.permissions.querySync({ name: "net", host: "example.com:443" }).state === "granted") {
  await new Promise(() => {});
}

export default define({
  description: "starts_and_waits",
  config: { public: true, timeout: 100000 },
  handler: () => "started",
});
