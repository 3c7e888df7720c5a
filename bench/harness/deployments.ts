/** Measures rollbacks and deploys of a function that is called meanwhile. */
import { send } from "./call.ts";
import { Jelou } from "./jelou.ts";
import { type Request, summary } from "./load.ts";
import { paced, pacedUntil, type Times, withIdleLoop } from "./paced.ts";
import { BODY } from "./peers.ts";

export interface Deployments {
  /** Calls without a deploy. */
  alone: Times;
  /** Without a deploy, but with busy cores. */
  besideIdleLoop: Times;
  /** While the function is rolled back, and while it is deployed, one time after the other. */
  throughRollbacks: Times;
  throughDeploys: Times;
  /** Milliseconds from the end of `jelou rollback` to the first answer of the restored code. */
  firstAnswer: { p50: number; p99: number; count: number };
  /** Milliseconds that `jelou deploy` took. */
  deploy: { p50: number; p99: number; count: number };
}

export async function measureDeployments(
  rollbacks = Number(Deno.env.get("ROLLBACKS") ?? 200),
): Promise<Deployments> {
  const server = await Jelou.start();
  const project = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(
      `${project}/jelou.json`,
      JSON.stringify({ function: "bench" }),
    );
    const deploy = async (version: string) => {
      await Deno.writeTextFile(`${project}/index.ts`, source(version));
      return await server.command(["deploy", "-y"], project);
    };
    const first = await deploy("a");
    const versions = {
      a: first.deploymentId,
      b: (await deploy("b")).deploymentId,
    };
    const call = server.request("bench", first.token, BODY);
    await paced(call, 2);
    const alone = await paced(call, 10);
    const besideIdleLoop = await withIdleLoop(() => paced(call, 10));
    const firstAnswers: number[] = [];
    const throughRollbacks = await pacedUntil(
      call,
      (async () => {
        for (let number = 0; number < rollbacks; number++) {
          const version = number % 2 === 0 ? "a" : "b";
          const args = ["rollback", "bench", versions[version], "-y"];
          await server.command(args);
          firstAnswers.push(await firstAnswer(call, version));
        }
      })(),
    );
    const deploys: number[] = [];
    const throughDeploys = await pacedUntil(
      call,
      (async () => {
        for (let number = 0; number < Math.ceil(rollbacks / 10); number++) {
          const began = performance.now();
          await deploy(`v${number}`);
          deploys.push(performance.now() - began);
        }
      })(),
    );
    return {
      alone,
      besideIdleLoop,
      throughRollbacks,
      throughDeploys,
      firstAnswer: summary(firstAnswers),
      deploy: summary(deploys),
    };
  } finally {
    await server.stop();
    await Deno.remove(project, { recursive: true });
  }
}

function source(version: string): string {
  return `import { define, z } from "@jelou/functions";
export default define({
  description: "Says its version",
  input: z.object({ telefono: z.string() }),
  handler: () => ({ version: "${version}" }),
});
`;
}

/** Returns the milliseconds until a call answers with the version. */
async function firstAnswer(call: Request, version: string): Promise<number> {
  const began = performance.now();
  while (true) {
    const answer = await (await send(call)).json();
    if (answer.version === version) return performance.now() - began;
  }
}
