import { Command } from "commander";
import { describe, expect, test } from "vitest";
import { type CanaryOptions, canaryRequest, withCanary } from "../../cli/canary-options.ts";
import { CliError } from "../../cli/cli-error.ts";
import type { ControlClient } from "../../cli/control-client.ts";
import { describeCanary, describeNext, waitForCanary } from "../../cli/wait-for-canary.ts";
import { type CanaryRequest, type CanaryStatus, canaryRequestSchema } from "../../shared/wire/canary.ts";

function read(...args: string[]): CanaryRequest | undefined {
  const command = withCanary(new Command("apply"))
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  return canaryRequest(command.parse(args, { from: "user" }).opts<CanaryOptions>());
}

describe("options of apply", () => {
  test.each([
    [[], undefined],
    [["--canary", "5%"], { steps: [500] }],
    [["--canary", "0.25"], { steps: [25] }],
    [["--canary", "0%", "--header", "X-Canary=1=2"], { steps: [0], match: { header: "x-canary", value: "1=2" } }],
    [["--canary", "--steps", "1%,10%, 50%"], { steps: [100, 1000, 5000], everyMs: 120_000 }],
    [["--canary", "1%", "--steps", "1%,10%"], { steps: [100, 1000], everyMs: 120_000 }],
    [["--canary", "1%", "--steps", "10%", "--every", "30s"], { steps: [100, 1000], everyMs: 30_000 }],
    [["--canary", "5%", "--every", "10m"], { steps: [500], everyMs: 600_000 }],
    [["--canary", "5%", "--sticky", "trace", "--max-errors", "1%"], { steps: [500], by: "trace", maxErrors: 0.01 }],
    [["--canary", "5%", "--sticky", "header:Authorization"], { steps: [500], by: { header: "authorization" } }],
  ] as const)("%s", (args, expected) => {
    const asked = read(...args);
    expect(asked).toEqual(expected);
    if (asked !== undefined) expect(canaryRequestSchema.parse(asked)).toEqual(expected);
  });

  test.each([
    [["--canary"], "--canary needs a share"],
    [["--canary", "101%"], "Expected a share from 0% to 100%"],
    [["--canary", "1.234%"], "Expected a share"],
    [["--canary", "five"], "Expected a share"],
    [["--canary", "10%", "--steps", "5%"], "each share must be more"],
    [["--canary", "--steps", Array.from({ length: 21 }, (_, at) => `${at}%`).join(",")], "at most 20 shares"],
    [["--canary", "5%", "--every", "10ms"], "Expected from 1s to 7 days"],
    [["--canary", "5%", "--header", "x-canary"], "Expected NAME=VALUE"],
    [["--canary", "5%", "--header", "x canary=1"], "Expected NAME=VALUE"],
    [["--canary", "5%", "--sticky", "cookie"], "Expected ip, trace or header:NAME"],
    [["--steps", "1%,2%"], "--steps is about a canary: say --canary SHARE"],
    [["--max-errors", "1%"], "--max-errors is about a canary"],
  ] as const)("%s is refused", (args, words) => {
    expect(() => read(...args)).toThrow(words);
  });
});

const status = (more: Partial<CanaryStatus>): CanaryStatus => ({
  ...{ version: 8, stable: 7, phase: "running", share: 500, steps: [500], step: 0, maxErrors: 0.05, by: "ip" },
  ...{ author: "ann", startedAtMs: 0, changedAtMs: 0, reason: "", missing: { count: 0, named: [] }, routes: [] },
  counts: { canary: { requests: 0, errors: 0, refused: 0 }, stable: { requests: 0, errors: 0, refused: 0 } },
  ...more,
});

/** A control plane that says one after the other, the last one again and again. */
function saying(...all: (CanaryStatus | null | Error)[]): Pick<ControlClient, "canary"> {
  let at = 0;
  return {
    canary: async () => {
      const one = all[Math.min(at++, all.length - 1)] ?? null;
      if (one instanceof Error) throw one;
      return one;
    },
  };
}

describe("waiting for it", () => {
  const away = new CliError(3, "the control plane does not answer");

  test("until it has its share, or until its end; a control plane that is away for a moment is asked again", async () => {
    const [running, promoted] = [status({}), status({ phase: "promoted" })];
    const preparing = status({ phase: "preparing", missing: { count: 1, named: ["gateway a"] } });
    expect(await waitForCanary(saying(preparing, away, running), 8, "running", 60_000)).toBe(running);
    expect(await waitForCanary(saying(running, away, promoted), 8, "ended", 60_000)).toBe(promoted);
  });

  test.each([
    ["rolled back", saying(status({ phase: "aborted", reason: "300 of 1000 requests failed" })), 60_000, 1],
    ["another one took its place", saying(status({ version: 9 })), 60_000, 1],
    [
      "somebody does not have it in time",
      saying(status({ phase: "preparing", missing: { count: 1, named: ["gateway a"] } })),
      0,
      1,
    ],
    ["the control plane stays away", saying(away), 0, 3],
  ] as const)("%s: exit code", async (_, client, timeoutMs, exitCode) => {
    await expect(waitForCanary(client, 8, "ended", timeoutMs)).rejects.toMatchObject({ exitCode });
  });

  test("one line says where it is", () => {
    const missing = { count: 21, named: ["gateway a", "agent b of c"] };
    expect(describeCanary(status({ phase: "preparing", missing }))).toBe(
      "canary of version 8: waits for 21 to have it: gateway a, agent b of c, ...",
    );
    expect(describeCanary(status({ steps: [500, 1000] }))).toBe(
      "canary of version 8: 5 % of the requests, step 1 of 2, the others by version 7",
    );
    expect(describeCanary(status({ phase: "aborted", reason: "why" }))).toBe(
      "canary of version 8: rolled back to version 7: why",
    );
    expect(describeNext(status({ nextAtMs: 61_000, steps: [500, 1000] }), 1000)).toBe(
      "it gets 10 % in 1 min if the error budget holds",
    );
    expect(describeNext(status({ nextAtMs: 0 }), 1000)).toContain("it becomes live with the next requests");
    expect(describeNext(status({}), 1000)).toBeUndefined();
  });
});
