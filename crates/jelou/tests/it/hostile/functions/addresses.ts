// Queries its permissions for addresses, and connects to none.
import { define } from "@jelou/functions";

export default define({
  description: "Asks for rights",
  config: { public: true },
  handler: ({ hosts }: { hosts: string[] }) =>
    Object.fromEntries(hosts.map((host) => [host, Deno.permissions.querySync({ name: "net", host }).state])),
});
