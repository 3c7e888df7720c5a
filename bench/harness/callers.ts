/**
 * A thread that calls hostile functions continuously. It is a separate thread, so that it does not delay the
 * measurements.
 */
import type { Request } from "./load.ts";
import { send } from "./call.ts";

/** Milliseconds between two calls of one function. */
const PAUSE = 20;

self.onmessage = async ({ data }: MessageEvent<Record<string, Request>>) => {
  const answers: Record<string, number> = {};
  const end = new AbortController();
  self.onmessage = () => end.abort();
  await Promise.all(
    Object.entries(data).map(async ([name, call]) => {
      answers[name] = 0;
      while (!end.signal.aborted) {
        if (await answered(call, end.signal)) answers[name]++;
        await new Promise((resolve) => setTimeout(resolve, PAUSE));
      }
    }),
  );
  self.postMessage(answers);
};

async function answered(call: Request, signal: AbortSignal): Promise<boolean> {
  try {
    const response = await send(call, signal);
    await response.arrayBuffer();
    return true;
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  }
}
