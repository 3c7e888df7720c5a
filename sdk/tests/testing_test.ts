import { deepEqual as equal, match, rejects, strictEqual as same } from "node:assert/strict";
import { define, JelouApiError, response, z } from "@jelou/functions";
import {
  createMockContext,
  createMockCronContext,
  createMockEventContext,
  createMockJelouClient,
  createMockMemoryClient,
  createMockRequest,
} from "@jelou/functions/testing";

Deno.test("a mock context has everything that a handler may ask for", async () => {
  const greet = define({
    description: "x",
    input: z.object({ name: z.string() }),
    handler: async (input, ctx, request) => {
      ctx.log("greeting", input.name);
      await ctx.memory.set("last", input.name);
      await ctx.jelou.send({ type: "text", to: "593", text: `Hello ${input.name}` });
      return { path: new URL(request.url).pathname, key: ctx.env.get("KEY"), hidden: ctx.env.has("__FN_X") };
    },
  });
  const memory = createMockMemoryClient();
  const jelou = createMockJelouClient();
  const ctx = createMockContext({ env: { KEY: "v", __FN_X: "1" }, memory, jelou, user: { id: "u" } });
  const result = await greet.handler({ name: "Ana" }, ctx, createMockRequest({ url: "/greet" }));
  equal(result, { path: "/greet", key: "v", hidden: false });
  equal(ctx.logs, [["greeting", "Ana"]]);
  equal(memory.entries(), { last: "Ana" });
  equal(jelou.sent.map(({ method, messageId }) => [method, messageId]), [["send", "message-1"]]);
  equal([ctx.isHttp, ctx.isCron, ctx.user?.id, ctx.bot], [true, false, "u", undefined]);
  match(ctx.requestId, /^[0-9a-f-]{36}$/);
});

Deno.test("mock contexts of schedules and events", () => {
  const cron = createMockCronContext({ cron: "* * * * *", cronName: "often" });
  equal([cron.trigger, cron.isCron], [{ type: "cron", cron: "* * * * *", cronName: "often" }, true]);
  equal(createMockCronContext().trigger, { type: "cron", cron: "0 9 * * *" });
  const event = createMockEventContext({ event: { name: "created" } });
  equal([event.trigger, event.isEvent, event.isHttp], [
    { type: "event", event: { name: "created" } },
    true,
    false,
  ]);
});

Deno.test("the mock memory has the platform's limits and forgets in time", async () => {
  let now = 0;
  const memory = createMockMemoryClient({ values: { a: "text", b: { c: 1 } }, now: () => now });
  equal([await memory.get("a"), await memory.getJson("b"), await memory.get("no", 7)], ["text", { c: 1 }, 7]);
  await memory.set("short", "v", 10);
  now = 9_999;
  same(await memory.get("short"), "v");
  now = 10_000;
  same(await memory.get("short"), null);
  await memory.delete("a");
  equal(memory.entries(), { b: '{"c":1}' });
  await memory.set("day", "v");
  now += 86_400_000 - 1;
  same(await memory.get("day"), "v");
  now += 1;
  same(await memory.get("day"), null);
  await rejects(memory.set("k", "x".repeat(256)), /255 characters/);
  await memory.set("ñ".repeat(127), "v");
  await rejects(memory.set("ñ".repeat(128), "v"), /255 bytes of UTF-8, and this one has 256/);
  await rejects(memory.setJson("k", "ñ".repeat(40_000), 60), /over 65536 bytes of JSON/);
  await rejects(memory.setJson("k", 1, 86_401), /86400/);
  await rejects(createMockMemoryClient({ available: false }).get("a"), /not available/);
});

Deno.test("the mock client fails as it is told", async () => {
  const failure = await createMockJelouClient({ failWith: 429 }).send({ type: "text", to: "1", text: "a" })
    .catch((error) => error);
  equal([failure instanceof JelouApiError, failure.isRateLimit(), failure.isAuth()], [true, true, false]);
  const own = new JelouApiError("mine", 401, "X");
  await rejects(createMockJelouClient({ failWith: own }).sendTemplate({ to: "1", template: "t" }), own);
  await rejects(createMockJelouClient({ available: false }).send({ type: "text", to: "1", text: "a" }), {
    code: "UNAVAILABLE",
  });
  await rejects(createMockJelouClient().sendTemplate({ to: "", template: "t" }), {
    code: "INVALID_ARGUMENT",
  });
});

Deno.test("a mock request has its body as it was given", async () => {
  const request = createMockRequest({ json: { a: 1 } });
  equal([request.method, request.headers.get("content-type"), await request.json()], [
    "POST",
    "application/json",
    {
      a: 1,
    },
  ]);
  same(createMockRequest().method, "GET");
});

Deno.test("the response builder never changes what it has given", () => {
  const created = response.status(201);
  const located = created.header("Location", "/1");
  equal([response.statusCode, created.headers.length, located.headers], [undefined, 0, [["Location", "/1"]]]);
  equal(located.header("location", "/2").headers, [["location", "/2"]]);
  equal(located.json({ a: 1 }).body, { kind: "json", value: { a: 1 } });
  let thrown: unknown;
  try {
    response.status(99);
  } catch (error) {
    thrown = error;
  }
  match(String(thrown), /200 to 599, and got 99/);
});

Deno.test("the mock identity has the claims and the limits of the platform's", async () => {
  const { identity } = createMockContext({ functionSlug: "mine" });
  const token = await identity("https://orders.example.com");
  const claims = JSON.parse(atob(token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/")));
  same(claims.aud, "https://orders.example.com");
  same(claims.sub, "function:mine:deployment:dep_test");
  same(claims.exp - claims.iat, 900);
  const own = createMockContext({ identity: (audience) => `token for ${audience}` });
  same(await own.identity("x"), "token for x");
  await rejects(own.identity(""), /takes the audience/);
  await rejects(own.identity("ñ".repeat(513)), /at most 1024 bytes, and this one has 1026/);
});
