import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { CliError, exitCodes } from "../../cli/cli-error.ts";
import { waitForVersion } from "../../cli/wait-for-version.ts";
import type { Status } from "../../shared/wire/admin.ts";

const said: string[] = [];
beforeEach(() => {
  said.length = 0;
  vi.spyOn(process.stderr, "write").mockImplementation((text) => said.push(String(text)) > 0);
});
afterEach(() => vi.restoreAllMocks());

type State = Status["gateways"][number]["state"];

function status(state: State, given: { version?: number; reason?: string } = {}): Status {
  const { version = 7, reason } = given;
  const gateway = {
    isolate: "g1",
    version: state === "current" ? 7 : 6,
    state,
    leaseEndsInMs: 500,
    ...(reason !== undefined && { reason }),
  };
  return { version, hash: "", gateways: [gateway], agents: [], keys: [] };
}

/** Gives one answer after the other, the last one again and again. */
function answering(...answers: (Status | Error)[]) {
  let asked = 0;
  const next = (): Promise<Status> => {
    const answer = answers[Math.min(asked++, answers.length - 1)];
    return answer instanceof Error || answer === undefined ? Promise.reject(answer) : Promise.resolve(answer);
  };
  return { status: next, asked: () => asked };
}

test("asks until everybody has it, and says how far it is", async () => {
  const client = answering(status("behind"), status("behind"), status("current"));
  expect((await waitForVersion(client, 7, 60_000)).gateways).toEqual({ current: 1, all: 1 });
  expect(client.asked()).toBe(3);
  expect(said.map((line) => line.trim())).toEqual([
    "version 7: 0 of 1 gateways, 0 of 0 agents",
    "version 7: 1 of 1 gateways, 0 of 0 agents",
    expect.stringContaining("all acknowledged"),
  ]);
});

test("ends at once when somebody refuses", async () => {
  const client = answering(status("behind"), status("refused", { reason: "hash differs" }));
  await expect(waitForVersion(client, 7, 60_000)).rejects.toMatchObject({
    exitCode: exitCodes.findings,
    message: expect.stringContaining("gateway g1: hash differs"),
    rollout: { refused: [{ who: "gateway g1", why: "hash differs" }] },
  });
  expect(client.asked()).toBe(2);
});

test("ends when another version becomes live", async () => {
  await expect(waitForVersion(answering(status("behind", { version: 8 })), 7, 60_000)).rejects.toThrow(
    "replaced by version 8",
  );
});

test("names who is late when the time is over", async () => {
  await expect(waitForVersion(answering(status("behind")), 7, 150)).rejects.toMatchObject({
    exitCode: exitCodes.findings,
    message: expect.stringContaining("gateway g1: still at version 6"),
    rollout: { refused: [], waiting: [{ who: "gateway g1" }] },
  });
});

test("asks again when the control plane is away for a moment, not when it refuses", async () => {
  const away = new CliError(exitCodes.unreachable, "away");
  expect((await waitForVersion(answering(away, status("current")), 7, 60_000)).gateways.current).toBe(1);
  await expect(waitForVersion(answering(away), 7, 150)).rejects.toBe(away);
  const denied = new CliError(exitCodes.findings, "denied");
  await expect(waitForVersion(answering(denied), 7, 60_000)).rejects.toBe(denied);
});
