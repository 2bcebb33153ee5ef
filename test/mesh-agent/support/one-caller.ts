import { afterAll, afterEach, beforeAll } from "vitest";
import { Fleet, type TestAgent } from "./agents.ts";
import { TestControl } from "./control-plane.ts";
import { TestPeers } from "./peers.ts";

/** An agent that may call the service `target`, and the peers that a test puts there. */
export interface OneCaller {
  readonly control: TestControl;
  readonly peers: TestPeers;
  readonly caller: TestAgent;
}

/** Starts it before all tests of a file and ends it after them; peers end after each test. @param begin is told when it is up */
export function withOneCaller(begin: (world: OneCaller) => void): void {
  const fleet = new Fleet();
  let control: TestControl | undefined;
  let peers: TestPeers | undefined;

  beforeAll(async () => {
    control = await TestControl.start();
    peers = new TestPeers(control);
    control.setPlan("caller", { outbound: { target: {} } });
    begin({ control, peers, caller: await fleet.run("caller-1", control.joinToken("caller")).ready() });
  }, 30_000);

  afterEach(async () => {
    await peers?.end();
  });

  afterAll(async () => {
    await fleet.end();
    await control?.close();
  });
}
