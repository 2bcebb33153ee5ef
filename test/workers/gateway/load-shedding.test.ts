/** Load shedding at the gateway, against an upstream that holds its answers. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { limits } from "../../../shared/limits.ts";
import type { GatewayPlan } from "../../../shared/plan/plan.ts";
import type { SheddingSettings } from "../../../shared/policy/load-shedding.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { settings as idempotency } from "./support/idempotency.ts";
import { createIssuer } from "./support/issuer.ts";
import { part, plan, route } from "./support/plans.ts";

const issuer = await createIssuer();
afterEach(() => vi.restoreAllMocks());

const shedding = (more: Partial<SheddingSettings> = {}): SheddingSettings => ({
  mode: "enforce",
  tolerance: 1.2,
  concurrencyMin: 1,
  concurrencyMax: 5,
  plans: { gold: "high", free: "low" },
  ...more,
});
const login: GatewayPlan["identity"] = {
  login: {
    kind: "jwt",
    issuer: issuer.url,
    audiences: ["shop-api"],
    algorithms: ["ES256"],
    clockSkewMs: 0,
    claims: { plan: "tier" },
  },
};

/** An upstream that answers when it is told to. */
class HeldUpstream {
  readonly #waiting: (() => void)[] = [];
  isOpen = false;

  readonly answer = async (): Promise<Response> => {
    if (!this.isOpen) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return Response.json({ ok: true });
  };

  release(): void {
    this.isOpen = true;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

async function start(more: Partial<SheddingSettings> | undefined, upstream: HeldUpstream): Promise<Gateway> {
  const target = {
    kind: "aggregate",
    parts: [part("orders", ["/a"], { optional: true }), part("users", ["/b"])],
  } as const;
  const routes = [
    route("low", "/low", { priority: "low" }),
    route("high", "/high", { priority: "high" }),
    route("mine", "/mine", { auth: { any: ["login"], scopes: [] } }),
    route("other", "/other", { target: { kind: "forward", to: { service: "users" } } }),
    route("composed", "/composed", { target }),
    route("payments", "/payments", { idempotency: idempotency() }),
  ];
  const shaped = plan(routes, { identity: login, ...(more !== undefined && { shedding: shedding(more) }) });
  const gateway = await startGateway(shaped, (request) =>
    request.headers.get("selvage-service") === "users"
      ? Response.json({ name: "ann" })
      : (issuer.answer(request.url) ?? upstream.answer()),
  );
  await gateway.fetch("/nothing");
  return gateway;
}

/** Takes every place of the upstream. */
async function crowd(gateway: Gateway, path = "/low", count = 5): Promise<Promise<Response>[]> {
  const held = Array.from({ length: count }, () => gateway.fetch(path));
  await vi.waitFor(() => expect(gateway.sent.length).toBe(count));
  return held;
}

describe("an upstream without a place", () => {
  test("503 with Retry-After and its problem type, at once; then places are free again", async () => {
    const upstream = new HeldUpstream();
    const gateway = await start({}, upstream);
    const held = await crowd(gateway);
    const refused = await gateway.fetch("/low");
    expect(refused.status).toBe(503);
    expect(refused.headers.get("retry-after")).toBe("1");
    expect(await refused.json()).toMatchObject({
      type: "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity",
      status: 503,
      code: "overloaded",
    });
    expect(gateway.logs.at(-1)).toMatchObject({
      error: "overloaded",
      reason: "orders has 0+0+5 requests of 5.0: no place for one of low priority",
    });
    expect((await gateway.fetch("/other")).status).toBe(200);
    upstream.release();
    expect((await Promise.all(held)).map(({ status }) => status)).toEqual(Array(5).fill(200));
    expect((await gateway.fetch("/low")).status).toBe(200);
  });

  test("the place that a higher one missed is not the lower one's", async () => {
    const upstream = new HeldUpstream();
    const gateway = await start({ concurrencyMax: 5 }, upstream);
    const held = await crowd(gateway);
    expect((await gateway.fetch("/high")).status).toBe(503);
    upstream.release();
    await Promise.all(held);
    upstream.isOpen = false;
    const again = Array.from({ length: 5 }, () => gateway.fetch("/low"));
    await vi.waitFor(() => expect(gateway.sent.length).toBe(9));
    const high = gateway.fetch("/high");
    await vi.waitFor(() => expect(gateway.sent.length).toBe(10));
    upstream.release();
    expect((await high).status).toBe(200);
    expect((await Promise.all(again)).map(({ status }) => status).sort()).toEqual([200, 200, 200, 200, 503]);
  });

  test("the plan of who asks comes before the route", async () => {
    const upstream = new HeldUpstream();
    const gateway = await start({ concurrencyMax: 5 }, upstream);
    const held = await crowd(gateway);
    for (const [tier, priority] of [
      ["gold", "high"],
      ["free", "low"],
      ["other", "normal"],
    ]) {
      const headers = { authorization: `Bearer ${await issuer.sign({ tier })}` };
      expect((await gateway.fetch("/mine", { headers })).status).toBe(503);
      expect(gateway.logs.at(-1)?.reason).toContain(`no place for one of ${priority} priority`);
    }
    upstream.release();
    await Promise.all(held);
  });

  test("a part of a composed answer is left out like one that failed", async () => {
    const upstream = new HeldUpstream();
    const gateway = await start({}, upstream);
    const held = await crowd(gateway);
    const composed = await gateway.fetch("/composed");
    expect([composed.status, composed.headers.get("retry-after")]).toEqual([200, null]);
    expect(await composed.json()).toEqual({ orders: null, users: { name: "ann" } });
    upstream.release();
    await Promise.all(held);
  });

  test("a refused request gives its idempotency key back", async () => {
    const upstream = new HeldUpstream();
    const gateway = await start({}, upstream);
    const held = await crowd(gateway);
    const post = { method: "POST", headers: { "idempotency-key": '"shed"' }, body: "{}" };
    expect((await gateway.fetch("/payments", post)).status).toBe(503);
    upstream.release();
    await Promise.all(held);
    expect((await gateway.fetch("/payments", post)).status).toBe(200);
  });

  test("calls that fail give their places back", async () => {
    const gateway = await startGateway(plan([route("low", "/low")], { shedding: shedding() }), () => undefined);
    for (let at = 0; at < 20; at++) expect((await gateway.fetch("/low")).status).toBe(502);
  });
});

describe("a client that sends slowly", () => {
  const slow = (length: number | undefined) => {
    let push: ReadableStreamDefaultController<Uint8Array> | undefined;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        push = controller;
      },
    });
    const headers: Record<string, string> = length === undefined ? {} : { "content-length": String(length) };
    const send = (bytes: number): void => push?.enqueue(new Uint8Array(bytes));
    return { init: { method: "POST", body, headers, whole: false }, send, end: () => push?.close() };
  };

  test("takes no place before its small body is there", async () => {
    const upstream = new HeldUpstream();
    upstream.isOpen = true;
    const gateway = await start({ concurrencyMax: 1 }, upstream);
    const upload = slow(2);
    const posted = gateway.fetch("/low", upload.init);
    upload.send(1);
    for (let at = 0; at < 3; at++) expect((await gateway.fetch("/low")).status).toBe(200);
    expect(gateway.sent.filter(({ method }) => method === "POST")).toEqual([]);
    upload.send(1);
    upload.end();
    const answer = await posted;
    expect(answer.status).toBe(200);
    await answer.text();
    expect(gateway.sent.at(-1)?.method).toBe("POST");
  });

  test("leaves room for bodies that have to be held", async () => {
    const upstream = new HeldUpstream();
    const gateway = await start({ concurrencyMin: 1_000, concurrencyMax: 1_000 }, upstream);
    const { heldBodiesBytesMax } = limits.gateway;
    const bytes = limits.upstreams.replayBytesMax;
    const uploads = Array.from({ length: heldBodiesBytesMax / bytes }, () => slow(bytes));
    const posted = uploads.map(({ init }) => gateway.fetch("/low", init));
    // Those that find no room go on as they come.
    await vi.waitFor(() => expect(gateway.sent.length).toBe(uploads.length / 2));
    upstream.release();
    const headers = { "idempotency-key": '"one"', "content-type": "application/json" };
    const paid = await gateway.fetch("/payments", { method: "POST", body: "{}", headers });
    expect(paid.status).toBe(200);
    for (const upload of uploads) {
      upload.send(bytes);
      upload.end();
    }
    expect(new Set((await Promise.all(posted)).map(({ status }) => status))).toEqual(new Set([200]));
  });

  test("lowers nobody's limit", async () => {
    const upstream = new HeldUpstream();
    upstream.isOpen = true;
    const gateway = await start({ concurrencyMax: 4 }, upstream);
    for (let at = 0; at < 25; at++) await gateway.fetch("/low");
    vi.useFakeTimers({ toFake: ["Date"] });
    for (let round = 1; round <= 15; round++) {
      upstream.isOpen = false;
      gateway.sent.length = 0;
      const uploads = Array.from({ length: 4 }, () => slow(undefined));
      const posted = uploads.map(({ init }) => gateway.fetch("/low", init));
      await vi.waitFor(() => expect(gateway.sent.length).toBe(4));
      vi.setSystemTime(Date.now() + 4_000);
      for (const upload of uploads) upload.end();
      upstream.release();
      expect((await Promise.all(posted)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    }
    vi.useRealTimers();
  });
});

test("in shadow nobody is refused, and the log says who would be", async () => {
  const upstream = new HeldUpstream();
  const gateway = await start({ mode: "shadow" }, upstream);
  const held = await crowd(gateway, "/low", 8);
  upstream.release();
  expect((await Promise.all(held)).map(({ status }) => status)).toEqual(Array(8).fill(200));
  const said = gateway.logs.flatMap(({ wouldRefuse }) => (wouldRefuse === undefined ? [] : [wouldRefuse]));
  expect(said).toEqual(Array(3).fill([{ policy: "shedding", error: "overloaded" }]));
});

test("without `shedding` there is no limit", async () => {
  const upstream = new HeldUpstream();
  const gateway = await start(undefined, upstream);
  const held = await crowd(gateway, "/low", 200);
  upstream.release();
  expect(new Set((await Promise.all(held)).map(({ status }) => status))).toEqual(new Set([200]));
});
