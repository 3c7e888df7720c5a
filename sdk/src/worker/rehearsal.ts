/**
 * A blank worker's rehearsal: it loads a function of the platform's own, calls it as the engine would, and forgets
 * it. JavaScript that runs for the first time has to be compiled first, which costs more than all else that a first
 * call does; in a worker that waits for its function there is time for it.
 *
 * Rights are not rehearsed: they can be dropped only once.
 *
 * @module
 */
import { collectGarbage } from "./globals.ts";
import { prepare } from "./load.ts";
import type { LoadedFunction } from "./invocation.ts";

/** One as they mostly are: an object comes in, an object goes out. */
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
 * Rehearses.
 *
 * @param callsPath The worker's own socket for calls.
 * @param serve Makes the worker serve a function, or none.
 */
export async function rehearse(callsPath: string, serve: (fn: LoadedFunction | null) => void): Promise<void> {
  const fn = await prepare({
    mode: "serve",
    bundle: FUNCTION,
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
  // Or the first call would be the one that waits for it.
  collectGarbage();
}

async function call(path: string): Promise<void> {
  using connection = await Deno.connect({ transport: "unix", path });
  await connection.write(REQUEST);
  const answer = new Uint8Array(1024);
  const bytes = await connection.read(answer);
  // After length, kind and number of the call.
  const status = bytes === null || bytes < 11 ? null : new DataView(answer.buffer).getUint16(9);
  if (status !== 200) throw new Error(`The rehearsal was answered with ${status ?? "nothing"}`);
}

/** A frame of the call channel. */
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
