/**
 * Lets the runtime set up how it takes signals now, with a file and a thread for it. It would do so half a second after
 * its start, and end the process if the function had left it neither.
 *
 * @module
 */
export function prepareSignals(): void {
  const ignore = () => {};
  Deno.addSignalListener("SIGHUP", ignore);
  Deno.removeSignalListener("SIGHUP", ignore);
}
