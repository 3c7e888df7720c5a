/**
 * Makes the runtime set up its signal handling, which needs a file descriptor and a thread. Without this call, the
 * runtime would do it half a second after the start. If the function had used up its file descriptors or threads by
 * then, the process would end.
 *
 * @module
 */
export function prepareSignals(): void {
  const ignore = () => {};
  Deno.addSignalListener("SIGHUP", ignore);
  Deno.removeSignalListener("SIGHUP", ignore);
}
