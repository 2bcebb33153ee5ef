import { describe, expect, it } from "vitest";
import { LEAN_FLAGS, missingFlags } from "../../../mesh-agent/lifecycle/lean-flags.ts";

describe("what an agent is started anew for", () => {
  it("is all that it was not told", () => {
    expect(missingFlags([])).toEqual(LEAN_FLAGS);
    expect(missingFlags(["--inspect", "--expose-gc"])).toEqual([
      "--max-semi-space-size=4",
      "--single-threaded",
      "--disable-warning=ExperimentalWarning",
    ]);
  });

  it("is nothing once it has them, and no size that the user has chosen otherwise", () => {
    expect(missingFlags([...LEAN_FLAGS, "--inspect"])).toEqual([]);
    const told = ["--max-old-space-size=64 --max-semi-space-size=16"];
    expect(missingFlags(told)).toEqual(["--single-threaded", "--expose-gc", "--disable-warning=ExperimentalWarning"]);
  });
});
