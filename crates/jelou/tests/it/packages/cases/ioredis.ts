// packages: ioredis@6.0.0
// kind: Databases
// shows: a client that connects later, and a command as Redis reads it
// input: {}
// answer: {"status":"wait","command":"*3\r\n$3\r\nset\r\n$5\r\nclave\r\n$4\r\naño\r\n"}
import { Command, Redis } from "ioredis";
import { define } from "@jelou/functions";

const redis = new Redis({ host: "cache.internal", lazyConnect: true });

export default define({
  description: "Redis's client without a connection",
  handler: () => ({
    status: redis.status,
    command: String(new Command("set", ["clave", "año"]).toWritable({ stream: null } as never)),
  }),
});
