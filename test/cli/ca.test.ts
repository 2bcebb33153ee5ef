import { describe, expect, test, vi } from "vitest";
import { CliError, exitCodes } from "../../cli/cli-error.ts";
import { workloadOf } from "../../cli/deny-workload.ts";
import { describeStep, waitForRotation } from "../../cli/wait-for-rotation.ts";
import type { CaStatus } from "../../shared/wire/ca.ts";

type Rotation = NonNullable<CaStatus["rotation"]>;

const NOBODY = { live: 0, away: 0, named: [], leaves: 0, leavesNamed: [] };
const rotation = (change: Partial<Rotation> = {}, waitingFor: Partial<Rotation["waitingFor"]> = {}): Rotation => {
  const known = { kind: "root", step: "trust", sinceMs: 0, force: "none" } as const;
  return { ...known, ...change, waitingFor: { ...NOBODY, ...waitingFor } };
};
const status = (found?: Rotation): CaStatus => ({
  ...{ trustDomain: "t", roots: [], csrPending: false, alarms: [] },
  ...(found !== undefined && { rotation: found }),
});

/** A control plane that answers one after the other. */
function client(...answers: (CaStatus | CliError)[]) {
  const forceCa = vi.fn(async () => status());
  const ca = async (): Promise<CaStatus> => {
    const [answer] = answers.length > 1 ? answers.splice(0, 1) : answers;
    if (answer === undefined || answer instanceof CliError) throw answer;
    return answer;
  };
  return { ca, forceCa };
}

test("who is waited for is named, those that are away and certificates apart", () => {
  const named = [
    { name: "orders/o-1", connected: true },
    { name: "users/u-1", connected: false },
  ];
  expect(describeStep(rotation({}, { live: 1, away: 1, named }))).toBe(
    "step 1 of 3: every agent learns the new root; waits for 2 agents: orders/o-1, users/u-1 (away)",
  );
  const leavesNamed = [{ name: "orders/o-2", notAfterMs: 0 }];
  expect(describeStep(rotation({ step: "renew" }, { leaves: 9, leavesNamed }))).toContain(
    "waits for 9 certificates of the old root: orders/o-2 until 1970-01-01T00:00:00.000Z, ...",
  );
  expect(describeStep(rotation({ kind: "issuer", step: "renew" }))).toBe(
    "every agent gets a certificate of the new issuer",
  );
});

test("other trust domains are named with the time that they have, once agents are done", async () => {
  const partners = { named: ["partner.example", "bank.example"], untilMs: 300_000 };
  expect(describeStep(rotation({}, { partners }))).toBe(
    "step 1 of 3: every agent learns the new root; until 1970-01-01T00:05:00.000Z other trust domains have the time to fetch it: " +
      "partner.example, bank.example",
  );
  const forced = client(status(rotation({ force: "away" }, { partners })), status());
  await waitForRotation(forced, { force: "partners" });
  expect(forced.forceCa).toHaveBeenCalledWith({ step: "trust", whom: "partners", author: expect.anything() });
  const said = client(status(rotation({ leavesPartners: true }, {})), status());
  await waitForRotation(said, { force: "partners" });
  expect(said.forceCa).not.toHaveBeenCalled();
});

test("waiting goes on over a control plane that is away, and ends with the rotation", async () => {
  const away = new CliError(exitCodes.unreachable, "it does not answer");
  const one = client(status(rotation()), away, status(rotation({ step: "renew" })), status());
  expect(await waitForRotation(one, {})).toEqual(status());
  expect(one.forceCa).not.toHaveBeenCalled();
  await expect(waitForRotation(client(new CliError(exitCodes.findings, "refused")), {})).rejects.toThrow("refused");
});

test("when the time is over it says that the rotation goes on", async () => {
  const stuck = client(status(rotation({}, { away: 1, named: [{ name: "a/b", connected: false }] })));
  await expect(waitForRotation(stuck, { timeoutMs: 1 })).rejects.toMatchObject({
    exitCode: exitCodes.findings,
    message: expect.stringMatching(/a\/b \(away\); it goes on by itself$/),
  });
});

test("force is said once for the step that is seen, and not where it holds already", async () => {
  const one = client(status(rotation()), status(rotation({ force: "away" })), status());
  await waitForRotation(one, { force: "away" });
  expect(one.forceCa).toHaveBeenCalledTimes(1);
  expect(one.forceCa).toHaveBeenCalledWith(expect.objectContaining({ step: "trust", whom: "away" }));
});

describe("a workload", () => {
  test("is a service, an instance or a certificate", () => {
    expect(workloadOf({ service: "orders" })).toEqual({ service: "orders" });
    expect(workloadOf({ instance: "orders/o-1" })).toEqual({ service: "orders", instance: "o-1" });
    expect(workloadOf({ serial: "ab" })).toEqual({ serial: "ab" });
    expect(workloadOf({ jti: "x" })).toBeUndefined();
  });

  test.each([
    [{ service: "orders", serial: "ab" }],
    [{ service: "orders", jti: "x" }],
    [{ service: "orders", expires: 1 }],
    [{ instance: "orders" }],
    [{ instance: "a/b/c" }],
    [{ instance: "/b" }],
  ])("%j is wrong usage", (options) => {
    expect(() => workloadOf(options)).toThrow(CliError);
  });
});
