/**
 * The gateway's data about a call, in wire format.
 *
 * @module
 */

export interface Facts {
  readonly requestId?: string;
  readonly tool?: string;
  readonly url?: string;
  readonly params?: unknown;
  readonly identity?: unknown;
  readonly trigger?: unknown;
  readonly traceparent?: string;
}

/** Builds the line that the engine writes. */
export function factsLine(facts: Facts = {}): string {
  const { requestId = crypto.randomUUID(), tool = "default", url = "https://mi-funcion.fn.example.com" } =
    facts;
  const json = [facts.params, facts.identity, facts.trigger].map((value) => JSON.stringify(value) ?? "");
  return [requestId, tool, url, ...json, facts.traceparent ?? ""].map(encodeURIComponent).join(" ").trimEnd();
}
