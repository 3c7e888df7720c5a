// Opens local pipes and channels without end.
import { define } from "@jelou/functions";

export default define({
  description: "pipe_flood",
  config: { public: true, timeout: 100000 },
  handler: () => {
    const all: unknown[] = [];
    for (let count = 0; count < 100_000; count++) all.push(new MessageChannel(), new BroadcastChannel("x"));
    return all.length;
  },
});
