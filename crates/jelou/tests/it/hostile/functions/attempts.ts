/** The ways that are tried; all of them, unless whoever uploads this says another thing. */
const WAYS: string[] | null = null;

/** How long an answer is waited for. */
const PATIENCE_MS = 10_000;

/**
 * Tries each way in; what came of it, by name. `GOT` is what must not be. Those that are known to give no answer are
 * waited for as long as `silent` says.
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

/** For what reports by events: the first of them. */
export function first(emitter: any, good: string, bad = "error"): Promise<unknown> {
  return new Promise((resolve, reject) => {
    emitter.on(bad, reject);
    emitter.on(good, (...values: unknown[]) => resolve(values[0] ?? good));
  });
}
