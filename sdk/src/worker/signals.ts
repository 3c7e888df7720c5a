/**
 * Makes the runtime set up its signal handling now, which takes a file descriptor and a thread. The runtime
 * would otherwise do so half a second after the start. If the function has used up files or threads by then,
 * this would end the process.
 *
 * @module
 */
export function prepareSignals(): void {
  const ignore = () => {};
  Deno.addSignalListener("SIGHUP", ignore);
  Deno.removeSignalListener("SIGHUP", ignore);
}
