// Logs a lot, while it is imported and when it is called.
import { define } from "@jelou/functions";

for (let line = 0; line < 20_000; line++) console.log("while imported", line);

export default define({
  description: "Floods the log",
  config: { public: true },
  handler: () => {
    for (let line = 0; line < 20_000; line++) {
      console.log("line", line);
      Deno.stderr.writeSync(new TextEncoder().encode(`error ${line}\n`));
    }
    return "logged";
  },
});
