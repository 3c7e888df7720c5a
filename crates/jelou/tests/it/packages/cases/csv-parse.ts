// packages: csv-parse@7.0.3
// kind: Parsing
// shows: quoted values, and a stream
// input: {"csv":"id;nota\n1;\"a;b\"\n2;\"dijo \"\"sí\"\"\"\n"}
// answer: {"rows":[{"id":1,"nota":"a;b"},{"id":2,"nota":"dijo \"sí\""}],"streamed":2}
import { parse } from "csv-parse";
import { parse as parseSync } from "csv-parse/sync";
import { define, z } from "@jelou/functions";

export default define({
  description: "Rows by csv-parse",
  input: z.object({ csv: z.string() }),
  handler: async ({ csv }) => {
    const options = { columns: true, delimiter: ";", cast: true };
    let streamed = 0;
    const stream = parse(options);
    stream.end(csv);
    for await (const _row of stream) streamed++;
    return { rows: parseSync(csv, options), streamed };
  },
});
