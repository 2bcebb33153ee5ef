import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { env as testEnv } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { limits } from "../../../shared/limits.ts";
import { Artifacts } from "../../../workers/gateway/authority/artifacts.ts";
import type { Env } from "../../../workers/gateway/env.ts";
import { sha256Base64url } from "../../../workers/gateway/upstream/sha256.ts";
import { FakeControl, startGateway } from "./support/gateway.ts";
import { plan, route } from "./support/plans.ts";

const logs: string[] = [];
beforeEach(() => void vi.spyOn(console, "warn").mockImplementation((line: string) => void logs.push(line)));
afterEach(() => {
  logs.length = 0;
  vi.restoreAllMocks();
});

const utf8 = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>;
let unique = 0;

/** A control plane that has one artifact, and what isolates use to ask it. */
async function system(bytes = utf8(`artifact ${unique++}`)) {
  const control = new FakeControl();
  const digest = await sha256Base64url(bytes);
  control.artifacts.set(digest, bytes);
  const env = { ...testEnv, CONTROL: control } as unknown as Env;
  let parsed = 0;
  const isolate = () =>
    new Artifacts((found) => {
      parsed++;
      return { text: new TextDecoder().decode(found) };
    });
  const take = async (artifacts: ReturnType<typeof isolate>, nowMs = Date.now()) => {
    const ctx = createExecutionContext();
    const found = await artifacts.take(digest, env, ctx, nowMs);
    await waitOnExecutionContext(ctx);
    return found?.text;
  };
  return { control, digest, env, isolate, take, text: new TextDecoder().decode(bytes), parsed: () => parsed };
}

describe("artifacts of an isolate", () => {
  test("one is fetched and parsed once, however many ask for it at the same time, and is there at once from then on", async () => {
    const { control, isolate, take, text, parsed, digest, env } = await system();
    const artifacts = isolate();
    const found = await Promise.all(Array.from({ length: 20 }, () => take(artifacts)));
    expect(found).toEqual(Array.from({ length: 20 }, () => text));
    expect([control.artifactsAsked.length, parsed()]).toEqual([1, 1]);
    expect(artifacts.take(digest, env, createExecutionContext(), Date.now())).toEqual({ text });
  });

  test("a new isolate has it without the control plane, in several pieces", async () => {
    const bytes = utf8("0123456789".repeat(limits.artifacts.pieceBytes / 4));
    const { control, isolate, take, text } = await system(bytes);
    expect(await take(isolate())).toBe(text);
    control.mode = "down";
    expect(await take(isolate())).toBe(text);
    expect(control.artifactsAsked.length).toBe(1);
  });

  test("without the control plane one that nobody had cannot be had; it is asked for again after a pause, not before", async () => {
    const { control, isolate, take, text } = await system();
    const artifacts = isolate();
    control.mode = "down";
    const nowMs = Date.now();
    expect(await take(artifacts, nowMs)).toBeUndefined();
    expect(logs.join()).toContain("Network connection lost");
    control.mode = "up";
    expect(await take(artifacts, nowMs + 1)).toBeUndefined();
    expect(control.artifactsAsked).toEqual([]);
    expect(await take(artifacts, nowMs + limits.artifacts.fetchMs + limits.artifacts.retryMs)).toBe(text);
  });

  test.each([
    ["other bytes", utf8("forged"), "the SHA-256 of what came is"],
    ["too many bytes", new Uint8Array(limits.artifacts.bytesMax + 1), "longer than"],
  ])("%s are not taken, nor kept", async (_, bytes, why) => {
    const { control, digest, isolate, take } = await system();
    control.artifacts.set(digest, bytes);
    expect(await take(isolate())).toBeUndefined();
    expect(logs.join()).toContain(why);
    control.mode = "down";
    expect(await take(isolate())).toBeUndefined();
  });

  test("one that cannot be parsed counts as one that cannot be had", async () => {
    const { digest, env } = await system();
    const artifacts = new Artifacts((): object => {
      throw new Error("of another format");
    });
    const ctx = createExecutionContext();
    expect(await artifacts.take(digest, env, ctx, Date.now())).toBeUndefined();
    await waitOnExecutionContext(ctx);
    expect(logs.join()).toContain("of another format");
  });
});

test("what a plan needs is kept as soon as an isolate has the plan, for those that start without the control plane", async () => {
  const bytes = utf8("needed");
  const digest = await sha256Base64url(bytes);
  const needing = { ...plan([route("a", "/a")]), artifacts: [digest] };
  const gateway = await startGateway(undefined, () => new Response("ok"));
  gateway.control.artifacts.set(digest, bytes);
  gateway.control.plan = needing;
  expect((await gateway.fetch("/a")).status).toBe(200);
  await gateway.settled();
  expect(gateway.control.artifactsAsked).toEqual([digest]);
  expect(await (testEnv as unknown as Env).ARTIFACTS.getByName(digest).read()).toEqual(bytes);
});
