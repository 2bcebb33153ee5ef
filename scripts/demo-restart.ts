/** `npm run -s demo:restart -- NAME`: starts again what was killed; ends when it does its work. */
import type { ProcessEntry } from "../shared/wire/runtime-files.ts";
import { requireLocalSystem } from "./support/local-system.ts";
import { ExitError, program, runProgram } from "./support/program.ts";

interface RestartAnswer {
  started?: boolean;
  entries?: ProcessEntry[];
  error?: string;
}

const command = program("demo:restart")
  .description("Starts a killed process of the local system again and waits until it does its work.")
  .argument("<name>", "its name in processes.json, such as orders-v1-1; an app and its agent share one")
  .action(async (name: string) => {
    const { local } = requireLocalSystem();
    if (local.supervisor === undefined) throw new ExitError(3, "this local system has no supervisor");
    const { url, token } = local.supervisor;
    const response = await fetch(`${url}/v1/restart`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ name }),
    }).catch((error: unknown) => {
      throw new ExitError(3, `the supervisor at ${url} does not answer (${reasonOf(error)}); is npm start running?`);
    });
    const answer = (await response.json()) as RestartAnswer;
    if (!response.ok) throw new ExitError(response.status === 404 ? 2 : 1, answer.error ?? `status ${response.status}`);
    for (const entry of answer.entries ?? []) {
      process.stdout.write(`${name} ${entry.role} pid ${entry.pid}${answer.started ? "" : " (was running already)"}\n`);
    }
  });

function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return cause instanceof Error ? cause.message : String(cause);
}

await runProgram(command);
