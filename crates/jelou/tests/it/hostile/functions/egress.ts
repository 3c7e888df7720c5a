// Tries to use the egress sockets: its own, to replace it, and another function's, to act as that function.
import { define } from "@jelou/functions";
import { attempts } from "./attempts.ts";

const own = import.meta.dirname!.replace(/\/function$/, "/e/sock");
const past = (path: string, url = "http://well.fn.localhost/") =>
  fetch(url, { client: Deno.createHttpClient({ proxy: { transport: "unix", path } }) });

export default define({
  description: "Takes sockets over",
  config: { public: true, timeout: 120000 },
  handler: ({ others }: { others: string[] }) =>
    attempts({
      remove: () => Deno.remove(own),
      rename: () => Deno.rename(own, own + "2"),
      "listen in its place": () => Deno.listen({ transport: "unix", path: own }),
      "change its mode": () => Deno.chmod(own, 0o777),
      "link over it": () => Deno.symlink("/tmp/x", own),
      "its own main socket": () => past(import.meta.dirname!.replace(/\/function$/, "/w/sock")),
      "its own heartbeat": () =>
        Deno.connect({
          transport: "unix",
          path: import.meta.dirname!.replace(/\/function$/, "/w/heartbeat"),
        }),
      ...Object.fromEntries(others.map((path) => [path, () => past(path)])),
      "by another way": () => past(own.replace("/e/sock", "/e/../e/../../0/e/sock")),
    }),
});
