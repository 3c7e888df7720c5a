// packages: koa@3.3.0
// kind: Frameworks
// shows: an application that listens, with middleware
// input: {"nombre":"Ana"}
// answer: {"method":"POST","read":"{\"nombre\":\"Ana\"}","passed":true}
import Koa from "koa";

const app = new Koa();
app.use(async (context, next) => {
  context.state.passed = true;
  await next();
});
app.use(async (context) => {
  let read = "";
  for await (const part of context.req) read += part;
  context.body = { method: context.method, read, passed: context.state.passed };
});
app.listen(3000);
