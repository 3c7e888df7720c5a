import { deepEqual as equal, strictEqual as same } from "node:assert/strict";
import { Worker } from "./worker.ts";

Deno.test("server-sent events arrive one by one, while the handler's stream is open", async () => {
  await using worker = await Worker.serving(`
    import { define } from "@jelou/functions";
    let controller;
    export default define({ description: "x", handler: (input, ctx) => {
      if (ctx.path === "/next") {
        if (input.end) controller.close();
        else controller.enqueue(new TextEncoder().encode("data: " + input.text + "\\n\\n"));
        return;
      }
      const body = new ReadableStream({ start: (c) => { controller = c; } });
      return new Response(body, { headers: { "content-type": "text/event-stream" } });
    } });
  `);
  const stream = await worker.invoke("/stream");
  same(stream.headers.get("content-type"), "text/event-stream");
  const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader();
  const next = (input: unknown) => worker.invoke("/next", { method: "POST", body: JSON.stringify(input) });
  for (const text of ["one", "two", "three"]) {
    same((await next({ text })).status, 204);
    equal(await reader.read(), { done: false, value: `data: ${text}\n\n` });
  }
  await next({ end: true });
  same((await reader.read()).done, true);
});

Deno.test("a request body is streamed to the handler", async () => {
  await using worker = await Worker.serving(`
    import { define } from "@jelou/functions";
    export default define({ description: "x", handler: (_input, _ctx, request) =>
      new Response(request.body.pipeThrough(new TextDecoderStream()).pipeThrough(new TransformStream({
        transform: (text, controller) => controller.enqueue(text.toUpperCase()) }))
        .pipeThrough(new TextEncoderStream())) });
  `);
  const { readable, writable } = new TransformStream<string, string>();
  const writer = writable.getWriter();
  const sending = writer.write("first");
  const response = await worker.invoke("/", {
    method: "POST",
    headers: { "content-type": "text/plain" },
    body: readable.pipeThrough(new TextEncoderStream()),
  });
  await sending;
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  same((await reader.read()).value, "FIRST");
  await writer.write("second");
  same((await reader.read()).value, "SECOND");
  await writer.close();
  same((await reader.read()).done, true);
});

const watching = `
  import { define } from "@jelou/functions";
  export default define({ description: "x", handler: async (_input, ctx, request) => {
    request.signal.addEventListener("abort", () => ctx.log("aborted"));
    if (ctx.path === "/wait") {
      ctx.log("waiting");
      await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
      throw request.signal.reason;
    }
    return "done";
  } });
`;

Deno.test("the client going away aborts the request's signal", async () => {
  await using worker = await Worker.serving(watching);
  const abort = new AbortController();
  const waiting = worker.invoke("/wait", { signal: abort.signal }).catch((error) => error.name);
  same((await worker.nextLog()).args[0], "waiting");
  abort.abort();
  same(await waiting, "AbortError");
  same((await worker.nextLog()).args[0], "aborted");
  same((await worker.nextLog()).level, "WARN");
});

Deno.test("a normal end does not abort the request's signal", async () => {
  await using worker = await Worker.serving(watching);
  for (let call = 0; call < 3; call++) equal(await (await worker.invoke("/")).json(), "done");
  const abort = new AbortController();
  const waiting = worker.invoke("/wait", { signal: abort.signal }).catch(() => {});
  // The first line comes from the waiting call, because the three calls before it logged nothing.
  same((await worker.nextLog()).args[0], "waiting");
  abort.abort();
  await waiting;
});

Deno.test("a handler can take a WebSocket", async () => {
  await using worker = await Worker.serving(`
    import { define } from "@jelou/functions";
    export default define({ description: "x", handler: (_input, ctx, request) => {
      const { socket, response } = Deno.upgradeWebSocket(request);
      socket.onmessage = ({ data }) => socket.send(ctx.functionSlug + ": " + data);
      return response;
    } });
  `);
  using connection = await handshake(worker, "/chat");
  same(connection.status, "HTTP/1.1 101 Switching Protocols");
  // A masked text frame with "hey"; the mask is all zeros.
  await connection.stream.write(new Uint8Array([0x81, 0x83, 0, 0, 0, 0, ...new TextEncoder().encode("hey")]));
  const buffer = new Uint8Array(4096);
  const length = (await connection.stream.read(buffer))!;
  same(new TextDecoder().decode(buffer.subarray(2, length)), "mi-funcion: hey");
});

Deno.test("a WebSocket that a handler takes and does not answer with ends alone", async () => {
  await using worker = await Worker.serving(`
    import { define } from "@jelou/functions";
    export default define({ description: "x", handler: (_input, ctx, request) => {
      if (ctx.path === "/stream") return new Response(ReadableStream.from(rest()));
      if (ctx.path === "/go-on") return globalThis.dispatchEvent(new Event("go-on"));
      Deno.upgradeWebSocket(request);
      if (ctx.path === "/throws") throw new Error("after all, no");
      return { instead: true };
    } });
    async function* rest() {
      yield new TextEncoder().encode("first ");
      await new Promise((resolve) => globalThis.addEventListener("go-on", resolve));
      yield new TextEncoder().encode("last");
    }
  `);
  const stream = await worker.invoke("/stream");
  const reader = stream.body!.getReader();
  await reader.read();
  for (const path of ["/throws", "/other"]) {
    using connection = await handshake(worker, path);
    same(connection.status, "HTTP/1.1 101 Switching Protocols");
    // A close frame of two bytes: 1011.
    const frame = new Uint8Array(4);
    await connection.stream.read(frame);
    same(String(frame), String([0x88, 2, 1011 >> 8, 1011 & 255]));
  }
  await worker.invoke("/go-on");
  let rest = "";
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    rest += new TextDecoder().decode(part.value);
  }
  same(rest, "last");
});

/** Requests a WebSocket over a separate connection. */
async function handshake(worker: Worker, path: string) {
  const stream = await Deno.connect({ transport: "unix", path: `${worker.folder}/worker.sock` });
  const head = [
    `GET ${path} HTTP/1.1`,
    "Host: worker",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "X-Jelou-Call: r default http://localhost",
    "",
    "",
  ];
  await stream.write(new TextEncoder().encode(head.join("\r\n")));
  // Read one byte at a time, because the bytes after the head belong to the WebSocket.
  const buffer = new Uint8Array(1);
  let text = "";
  while (!text.includes("\r\n\r\n")) {
    const length = await stream.read(buffer);
    if (length === null) break;
    text += new TextDecoder().decode(buffer.subarray(0, length));
  }
  return {
    stream,
    status: text.split("\r\n")[0],
    [Symbol.dispose]: () => stream.close(),
  };
}
