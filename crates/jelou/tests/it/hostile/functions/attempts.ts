/** The names of the attempts to run, or `null` for all. A test can replace the value in the upload. */
const WAYS: string[] | null = null;

/** Milliseconds until an attempt counts as unanswered. */
const PATIENCE_MS = 10_000;

/**
 * Runs each attempt, and returns the results by name. `GOT` marks an attempt that succeeded, which must not
 * happen. `silent` has the timeouts of attempts that are known to give no answer.
 */
export async function attempts(
  ways: Record<string, () => unknown>,
  silent: Record<string, number> = {},
): Promise<Record<string, string>> {
  const outcomes: Record<string, string> = {};
  for (const [name, way] of Object.entries(ways)) {
    if (WAYS && !(WAYS as string[]).includes(name)) continue;
    let timer;
    try {
      const got = await Promise.race([
        (async () => await way())(),
        new Promise((_, reject) => {
          timer = setTimeout(() => reject(new Error("no answer")), silent[name] ?? PATIENCE_MS);
        }),
      ]);
      outcomes[name] = `GOT ${Deno.inspect(got)}`.slice(0, 300);
    } catch (error) {
      outcomes[name] = `${(error as Error)?.name}: ${(error as Error)?.message}`.slice(0, 300);
    } finally {
      clearTimeout(timer);
    }
  }
  return outcomes;
}

/** Returns the first event of an emitter. */
export function first(emitter: any, good: string, bad = "error"): Promise<unknown> {
  return new Promise((resolve, reject) => {
    emitter.on(bad, reject);
    emitter.on(good, (...values: unknown[]) => resolve(values[0] ?? good));
  });
}
