import { startLoad } from "../../support/load.ts";
import { MeshWorld } from "./mesh-world.ts";

export interface Rotation {
  /** About the time between two certificates of an agent. */
  readonly everyMs: number;
  /** Requests a second. */
  readonly rate: number;
  readonly forMs: number;
}

export interface Rotated {
  readonly sent: number;
  readonly failures: readonly string[];
  /** Certificates beyond the first ones, of two agents. */
  readonly renewals: number;
}

/** A caller's and a service's agent get new certificates all the time while requests go between them. */
export async function rotateUnderLoad({ everyMs, rate, forMs }: Rotation): Promise<Rotated> {
  // Agents renew after a third of a certificate's life.
  const world = await MeshWorld.start(1, (control) => {
    control.leafLifetimeMs = everyMs * 3;
  });
  try {
    await world.use([world.endpoint(0)]);
    const issued = world.control.issued;
    const url = `http://127.0.0.1:${world.caller.runtime.ports.outbound}`;
    const load = startLoad({ url, rate, make: (index) => ({ path: `/${index}`, headers: { host: "callee.mesh" } }) });
    await new Promise((resolve) => setTimeout(resolve, forMs));
    const { sent, failures } = await load.stop();
    return { sent, failures, renewals: world.control.issued - issued };
  } finally {
    await world.end();
  }
}
