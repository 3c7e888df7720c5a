/**
 * Warms up a blank worker: loads a built-in function, calls it as the engine would, and drops it. JavaScript is
 * compiled before its first run, which takes longer than the rest of a first call. A blank worker has time for that
 * while it waits for its function.
 *
 * The rehearsal does not drop permissions, because a process can drop them only once.
 *
 * @module
 */
import { collectGarbage } from "./globals.ts";
import { loadInspection } from "./inspection.ts";
import { prepare } from "./load.ts";
import { importSource, readModule } from "./module.ts";
import type { LoadedFunction } from "./invocation.ts";

/** A typical function: its input and its result are objects. */
const FUNCTION = `
import { define, z } from "@jelou/functions";
export default define({
  description: "Rehearsal",
  input: z.object({ text: z.string().min(1), count: z.number().int().optional(), list: z.array(z.string()).default([]) }),
  handler: async (input, ctx) => {
    await undefined;
    return { text: input.text, secret: ctx.env.has("NAME"), path: ctx.path };
  },
});
`;

const REQUEST = requestFrame(
  "POST /rehearsal\n0 default http://localhost\napplication/json\nhost: localhost\ncontent-type: application/json\n",
  '{"text":"rehearsal"}',
);

/**
 * Runs the rehearsal.
 *
 * @param callsPath The worker's own socket for calls.
 * @param inspects Whether the function will be described too, so that the code for it is compiled.
 * @param serve Sets the function that the worker serves, or `null` for none.
 */
export async function rehearse(
  callsPath: string,
  inspects: boolean,
  serve: (fn: LoadedFunction | null) => void,
): Promise<void> {
  const loaded = await readModule(await importSource(FUNCTION), []);
  if (inspects) (await loadInspection()).inspect(loaded, "rehearsal");
  const fn = prepare(loaded, {
    functionSlug: "rehearsal",
    functionId: "",
    deploymentId: "",
    company: { id: "", name: "" },
    env: { NAME: "value" },
    functionsDomain: "localhost",
    egressSocket: null,
    memory: null,
    jelou: null,
  }, null);
  serve(fn);
  try {
    await call(callsPath);
  } finally {
    serve(null);
  }
  // Without this, the garbage would be collected during the first real call.
  collectGarbage();
}

async function call(path: string): Promise<void> {
  using connection = await Deno.connect({ transport: "unix", path });
  await connection.write(REQUEST);
  const answer = new Uint8Array(1024);
  const bytes = await connection.read(answer);
  // The status follows the length of the frame, its kind and the number of the call.
  const status = bytes === null || bytes < 11 ? null : new DataView(answer.buffer).getUint16(9);
  if (status !== 200) throw new Error(`The rehearsal was answered with ${status ?? "nothing"}`);
}

/** Builds a `REQUEST` frame of the call channel. */
function requestFrame(head: string, body: string): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(head + body);
  const frame = new Uint8Array(13 + text.length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, frame.length - 4);
  view.setUint8(4, 1);
  view.setUint32(5, 1);
  view.setUint32(9, text.length - body.length);
  frame.set(text, 13);
  return frame;
}
