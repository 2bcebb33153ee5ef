/** Instances and the control plane die under load, and no client notices. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ProcessEntry } from "../../../shared/wire/runtime-files.ts";
import { killUnderLoad, orderLoad, outageUnderLoad, stopUnderLoad } from "../../support/outages.ts";
import { root, type System, startSystem, until } from "../../support/system.ts";

let system: System;
let token: string;

beforeAll(async () => {
  system = await startSystem();
  token = await system.token("alice", "orders:read", "orders:write");
  await beUnhurried();
});
afterAll(() => system?.stop());

/** A machine that is busy otherwise may stand still longer than the 2 s that the shop gives an attempt. */
async function beUnhurried(more = ""): Promise<void> {
  const shop = readFileSync(join(root, "examples/shop/selvage.yaml"), "utf8");
  const file = join(system.state, "unhurried.yaml");
  writeFileSync(file, shop.replace(/retries: (.*)perTry: 2s/, `${more}retries: $1perTry: 9s`));
  expect(await system.selvage("apply", file, "--wait")).toMatchObject({ code: 0 });
}

/** Half of what the long tests send: the test run may share its machine. */
const RATE = 100;

describe("under load", () => {
  const deaths: Record<string, ProcessEntry["role"][]> = {
    "its app": ["app"],
    "its agent": ["agent"],
    both: ["agent", "app"],
  };

  test.each(Object.entries(deaths))("SIGKILL of %s fails no GET, and it takes traffic again", async (_, roles) => {
    const { failures } = await killUnderLoad(system, orderLoad(system, token, RATE), "orders-v1-1", roles);
    expect(failures).toEqual([]);
  });

  test.each(Object.entries(deaths))(
    "SIGTERM to %s fails no request, and each POST is carried out once",
    async (_, roles) => {
      const { failures, posted, carriedOut } = await stopUnderLoad(system, token, RATE, "orders-v1-1", roles);
      expect(failures).toEqual([]);
      expect(posted).toBeGreaterThan(0);
      expect(carriedOut).toBe(posted);
    },
  );

  test.each(["SIGKILL", "SIGSTOP"] as const)("the control plane's %s fails no request", async (signal) => {
    const { failures } = await outageUnderLoad(system, orderLoad(system, token, RATE), signal, 4);
    expect(failures).toEqual([]);
  });
});

/** With deaths and an outage under load: `npm run test:long -- mesh-limits`. */
test("a limit over all instances of a service lets as many calls through as it says, whichever is asked", async () => {
  await beUnhurried("rateLimit: { limit: 60/hour, by: all, mode: exact, timeout: 8s }\n      ");
  const asked = Array.from(
    { length: 150 },
    async (_, order) => (await system.get(`/load/orders/together-${order}`, token)).status,
  );
  const statuses = await Promise.all(asked);
  expect([200, 429].map((status) => statuses.filter((one) => one === status).length)).toEqual([60, 90]);
  await until("two instances let some of them through", () => {
    const served = ["orders-v1-1", "orders-v1-2", "orders-v2-1"].filter((name) =>
      system
        .accessLog(name)
        .some(({ path, hop, status }) => path.includes("/together-") && hop === "inbound" && status === 200),
    );
    return served.length > 1;
  });
});
