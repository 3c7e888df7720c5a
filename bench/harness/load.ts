/** Generates load with wrk. */
import { run } from "./process.ts";

export interface Request {
  url: string;
  headers: Record<string, string>;
  body?: string;
}

export interface Measured {
  /** Calls per second. */
  rate: number;
  /** Latency in microseconds. */
  p50: number;
  p99: number;
  calls: number;
  /** Number of responses other than 2xx and 3xx, and of socket errors. */
  refused: number;
  errors: number;
}

const UNITS: Record<string, number> = { us: 1, ms: 1_000, s: 1_000_000 };

export async function load(
  request: Request,
  connections: number,
  seconds: number,
): Promise<Measured> {
  const script = await Deno.makeTempFile({ suffix: ".lua" });
  const body = request.body === undefined
    ? 'wrk.method = "GET"'
    : `wrk.method = "POST"\nwrk.body = ${JSON.stringify(request.body)}`;
  await Deno.writeTextFile(script, body);
  const headers = Object.entries(request.headers).flatMap((
    [name, value],
  ) => ["-H", `${name}: ${value}`]);
  const text = await run("wrk", [
    "-t1",
    `-c${connections}`,
    `-d${seconds}s`,
    "--latency",
    "-s",
    script,
    ...headers,
    request.url,
  ]);
  await Deno.remove(script);
  const number = (pattern: RegExp) => Number(text.match(pattern)?.[1] ?? 0);
  const time = (percent: string) => {
    const found = text.match(new RegExp(`${percent}%\\s+([\\d.]+)(us|ms|s)`));
    return found ? Number(found[1]) * UNITS[found[2]] : NaN;
  };
  return {
    rate: number(/Requests\/sec:\s+([\d.]+)/),
    p50: time("50"),
    p99: time("99"),
    calls: number(/(\d+) requests in/),
    refused: number(/Non-2xx or 3xx responses: (\d+)/),
    errors: [
      ...text.matchAll(
        /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/g,
      ),
    ]
      .flatMap((match) => match.slice(1).map(Number)).reduce(
        (sum, errors) => sum + errors,
        0,
      ),
  };
}

export function median(values: number[]): number {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort((a, b) =>
    a - b
  );
  return sorted.length === 0 ? NaN : sorted[Math.floor(sorted.length / 2)];
}

export function percentile(values: number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[
    Math.min(sorted.length - 1, Math.ceil(sorted.length * percent / 100) - 1)
  ];
}

export function summary(
  times: number[],
): { p50: number; p99: number; count: number } {
  return {
    p50: percentile(times, 50),
    p99: percentile(times, 99),
    count: times.length,
  };
}
