import { ControlWorker } from "../../support/control-worker.ts";
import { startLoad } from "../../support/load.ts";
import { Fleet, type TestAgent, until } from "./agents.ts";

export interface Rolled {
  readonly sent: number;
  readonly failures: readonly string[];
  /** From SIGTERM until the agent had ended, each. */
  readonly tookMs: readonly number[];
}

const METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH"];
const service = { port: 8080, access: [{ from: "caller" }] };
const document = {
  selvage: 1,
  name: "rolling",
  gateway: { hosts: ["localhost"], routes: [{ name: "caller", match: { path: "/*" }, to: "caller" }] },
  mesh: {
    trustDomain: "rolling.internal",
    services: { caller: { port: 8080, access: [{ from: "gateway" }] }, callee: service },
  },
};

/** Two instances of a service are restarted one after the other while requests of every method go to it. */
export async function rollUnderLoad({ restarts, rate }: { restarts: number; rate: number }): Promise<Rolled> {
  const [control, fleet] = [await ControlWorker.start(), new Fleet()];
  try {
    await control.apply(document);
    const names = ["callee-1", "callee-2"];
    const join = async (name: string): Promise<TestAgent> =>
      fleet.run(name, await control.joinToken(name.split("-")[0] as string));
    const [caller, ...callees] = await Promise.all(["caller-1", ...names].map(join));
    await Promise.all([caller, ...callees].map((agent) => agent?.ready()));
    await control.knows("callee", ...names);
    const url = `http://127.0.0.1:${caller?.runtime.ports.outbound}`;
    const load = startLoad({
      ...{ url, rate },
      make: (index) => {
        const method = METHODS[index % METHODS.length] as string;
        const headers = { host: "callee.mesh" };
        return { path: `/${index}`, method, headers, ...(method.startsWith("P") && { body: "hello" }) };
      },
    });
    const tookMs: number[] = [];
    for (let restart = 0; restart < restarts; restart++) {
      const at = restart % 2;
      const leaves = callees[at] as TestAgent;
      await until(`${leaves.name} is called`, () => leaves.log("inbound").length > 20);
      const startMs = performance.now();
      leaves.kill("SIGTERM");
      await leaves.exited;
      tookMs.push(performance.now() - startMs);
      callees[at] = await fleet.run(leaves.name, undefined, [], leaves.folder).ready();
      await control.knows("callee", ...names);
    }
    const { sent, failures } = await load.stop();
    return { sent, failures, tookMs };
  } finally {
    await fleet.end();
    await control.end();
  }
}
