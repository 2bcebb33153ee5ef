import { afterEach, describe, expect, it, vi } from "vitest";
import { passedOn } from "../../../mesh-agent/proxy/body-garbage.ts";
import { limits } from "../../../shared/limits.ts";

const MiB = 1 << 20;

afterEach(() => vi.unstubAllGlobals());

describe("memory of bodies that were passed on", () => {
  it("is given back by a collection of what is young, as often as so many bytes have passed", () => {
    const gc = vi.fn();
    vi.stubGlobal("gc", gc);
    for (let i = 0; i < 64 * 16; i++) passedOn(MiB / 16);
    expect(gc.mock.calls).toEqual(
      Array.from({ length: (64 * MiB) / limits.http.youngBodyBytesMax }, () => [{ type: "minor" }]),
    );
  });

  it("is left to V8 where nobody may ask for it", () => {
    vi.stubGlobal("gc", undefined);
    expect(() => passedOn(2 * limits.http.youngBodyBytesMax)).not.toThrow();
  });
});
