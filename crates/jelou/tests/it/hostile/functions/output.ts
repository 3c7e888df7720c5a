// Writes output without the SDK, to imitate another function or the server.
import { define } from "@jelou/functions";

const write = (stream: typeof Deno.stdout, text: string) => {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; at += stream.writeSync(bytes.subarray(at)));
};
const FORGED = JSON.stringify({
  requestId: "00000000-0000-4000-8000-000000000000",
  function: "well",
  company: "local",
  timestamp: "2020-01-01T00:00:00.000Z",
  level: "ERROR",
  args: ["forged line"],
});

export default define({
  description: "Writes",
  config: { public: true },
  handler: () => {
    write(Deno.stdout, FORGED + "\n");
    write(
      Deno.stderr,
      'forged on stderr\n2026-01-01T00:00:00Z ERROR jelou_server: forged as the server function="well"\n',
    );
    write(Deno.stdout, "colour \u001b[31mred\u001b[2J\u0007 end\r\n");
    write(Deno.stdout, "x".repeat(100_000) + "\nafter the long line\n");
    write(Deno.stdout, '{"jelou":"ready"}\n');
    return "written";
  },
});
