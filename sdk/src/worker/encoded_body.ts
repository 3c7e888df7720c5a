/**
 * Decodes bodies with a `Content-Encoding` before they are parsed, within the body's size limit.
 *
 * @module
 */
import { invalidEncoding, tooLarge, unsupportedEncoding } from "./answers.ts";
import type { CallFacts } from "./call_facts.ts";
import type { Incoming } from "./incoming.ts";
import { Refused } from "./input.ts";
import {
  appendHeader,
  byteLength,
  decode,
  eachHeader,
  NativeHeaders,
  split,
  toLowerCase,
  trim,
} from "./primordials.ts";

/** Maximum bytes of memory for a parsed body, per byte of the body limit, as in the engine's `body_memory.rs`. */
const PARSED_FACTOR = 10;
const CONTAINER_BYTES = 80;
const FIELD_BYTES = 250;
const OPEN_OBJECT = 0x7b;
const OPEN_ARRAY = 0x5b;
const AMPERSAND = 0x26;
/** Maximum number of codings of one body. More codings are treated as an attack. */
const MAX_CODINGS = 3;

type Bytes = Uint8Array<ArrayBuffer>;
type Decoder = (bytes: Bytes, options: { maxOutputLength: number }) => Bytes;

/** Returns the codings of a body in the order in which they were applied. */
export function codingsOf(incoming: Incoming): string[] {
  const header = incoming.header("content-encoding");
  const codings: string[] = [];
  if (header === null) return codings;
  const names = split(toLowerCase(header), ",");
  for (let index = 0; index < names.length; index++) {
    const name = trim(names[index]!);
    if (name !== "" && name !== "identity") codings[codings.length] = name;
  }
  return codings;
}

/** The limits of a decoded body. */
export interface BodyLimits {
  readonly maxBytes: number;
  /** The texts by which errors name both limits: the setting, its value and who has set it. */
  readonly toldBytes: string;
  readonly toldMemory: string;
}

/** Reads and decodes a body. Returns the request with the decoded body. */
export async function decodeBody(
  incoming: Incoming,
  codings: readonly string[],
  { maxBytes, toldBytes, toldMemory }: BodyLimits,
): Promise<Incoming | Refused> {
  // Starts to read now: the channel overwrites its buffer in the next turn.
  const encoded = incoming.bytes();
  const decoders: Decoder[] = [];
  if (codings.length > MAX_CODINGS) {
    return new Refused(unsupportedEncoding(), "the content encoding is not supported");
  }
  for (let index = codings.length - 1; index >= 0; index--) {
    const decoder = await decoderOf(codings[index]!);
    if (decoder === null) return new Refused(unsupportedEncoding(), "the content encoding is not supported");
    decoders[decoders.length] = decoder;
  }
  let bytes = await encoded;
  if (byteLength(bytes) === 0) return new DecodedIncoming(incoming, bytes);
  try {
    for (let index = 0; index < decoders.length; index++) {
      bytes = decoders[index]!(bytes, { maxOutputLength: maxBytes });
    }
  } catch (error) {
    const { code } = error as { code?: unknown };
    return code === "ERR_BUFFER_TOO_LARGE"
      ? new Refused(tooLarge(), `the decoded body is over ${toldBytes}`)
      : new Refused(invalidEncoding(), "the body does not match its content encoding");
  }
  // For bodies without a coding, the gateway makes this check.
  if (parsedBytes(bytes) > PARSED_FACTOR * maxBytes) {
    return new Refused(
      tooLarge(),
      `the decoded body would take too much memory: ${toldMemory}`,
    );
  }
  return new DecodedIncoming(incoming, bytes);
}

/** Estimates the minimum memory of the objects and arrays of a JSON body, or of the fields of a form. */
function parsedBytes(bytes: Bytes): number {
  let parsed = 0;
  for (let index = 0; index < byteLength(bytes); index++) {
    const byte = bytes[index];
    if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) parsed += CONTAINER_BYTES;
    else if (byte === AMPERSAND) parsed += FIELD_BYTES;
  }
  return parsed;
}

/** Returns the decoder of a coding, or `null` for an unknown coding. Loads `node:zlib` on first use. */
async function decoderOf(coding: string): Promise<Decoder | null> {
  const zlib = await import("node:zlib") as unknown as Record<string, Decoder>;
  switch (coding) {
    case "gzip":
    case "x-gzip":
      return zlib.gunzipSync!;
    case "deflate":
      return deflateOf(zlib.inflateSync!, zlib.inflateRawSync!);
    case "br":
      return zlib.brotliDecompressSync!;
    case "zstd":
      return zlib.zstdDecompressSync ?? null;
    default:
      return null;
  }
}

/**
 * Decodes zlib and raw deflate data. HTTP requires the zlib format (RFC 1950), but some clients send raw data (RFC
 * 1951).
 */
function deflateOf(inflate: Decoder, inflateRaw: Decoder): Decoder {
  // The first byte of a zlib header has the method 8, and its two bytes as a number are a multiple of 31.
  return (bytes, options) =>
    (bytes[0]! & 15) === 8 && (bytes[0]! * 256 + bytes[1]!) % 31 === 0
      ? inflate(bytes, options)
      : inflateRaw(bytes, options);
}

/** A request whose body has been decoded. */
class DecodedIncoming implements Incoming {
  readonly #incoming: Incoming;
  readonly #body: Bytes;
  #headers: Headers | undefined;

  constructor(incoming: Incoming, body: Bytes) {
    this.#incoming = incoming;
    this.#body = body;
  }

  get native(): Request | null {
    return this.#incoming.native;
  }

  get reporter(): Incoming["reporter"] {
    return this.#incoming.reporter;
  }

  get method(): string {
    return this.#incoming.method;
  }

  get target(): string {
    return this.#incoming.target;
  }

  get facts(): CallFacts {
    return this.#incoming.facts;
  }

  get contentType(): string {
    return this.#incoming.contentType;
  }

  header(name: string): string | null {
    if (name === "content-encoding") return null;
    return name === "content-length" ? String(byteLength(this.#body)) : this.#incoming.header(name);
  }

  headers(): Headers {
    if (this.#headers !== undefined) return this.#headers;
    const headers = new NativeHeaders();
    eachHeader(this.#incoming.headers(), (value: string, name: string) => {
      if (name === "content-length") appendHeader(headers, name, String(byteLength(this.#body)));
      else if (name !== "content-encoding") appendHeader(headers, name, value);
    });
    return this.#headers = headers;
  }

  hasBody(): boolean {
    return byteLength(this.#body) > 0;
  }

  text(): string {
    return decode(this.#body);
  }

  bytes(): Bytes {
    return this.#body;
  }

  stream(): BodyInit | null {
    return this.hasBody() ? this.#body : null;
  }

  signal(): AbortSignal {
    return this.#incoming.signal();
  }

  isAborted(): boolean {
    return this.#incoming.isAborted();
  }
}
