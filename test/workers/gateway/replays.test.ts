/** Signed requests and webhooks that pass once, over several isolates with the same objects. */
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { SignatureProvider } from "../../../shared/auth/http-signature.ts";
import { type WebhookProvider, webhookStyleNames, webhookStyles } from "../../../shared/auth/webhook.ts";
import { hex } from "../../../shared/http/hex.ts";
import { limits } from "../../../shared/limits.ts";
import type { GatewayPlan } from "../../../shared/plan/plan.ts";
import type { Env } from "../../../workers/gateway/env.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { plan, route } from "./support/plans.ts";
import { base64, digestOf, ed25519Signer, keyOf, type Signer, signed, usualProvider } from "./support/sign.ts";

const bindings = env as unknown as Env;
const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const TEXT_SECRET = "a secret of a vendor";
const CONTENT = '{"type":"invoice.paid"}';

let alice: Signer;
let bob: Signer;
let nowMs: number;
/** Of the webhooks of one test: the objects outlive it. */
let msg: string;
const seconds = (): number => Math.floor(nowMs / 1000);

const hook: WebhookProvider = {
  kind: "webhook",
  name: "hook",
  style: "standard",
  secrets: ["HOOK"],
  publicKeys: [],
  toleranceMs: 300_000,
  once: true,
  sub: "hook",
  scopes: [],
  groups: [],
};

interface Setting {
  readonly signature?: Partial<SignatureProvider>;
  readonly webhook?: Partial<WebhookProvider>;
  readonly env?: Partial<Env>;
}
function planWith({ signature, webhook }: Setting): GatewayPlan {
  const partner: SignatureProvider = { ...usualProvider, keys: [keyOf(alice), keyOf(bob)], once: true, ...signature };
  const auth = { any: ["partner"], scopes: [] };
  return plan(
    [
      route("again", "/again/*", { auth: { any: ["again"], scopes: [] } }),
      route("both", "/both/*", { auth: { any: [], all: ["partner", "again"], scopes: [] } }),
      route("either", "/either/*", { auth: { any: ["hook", "partner"], scopes: [] } }),
      route("hooks", "/hooks/*", { auth: { any: ["hook"], scopes: [] } }),
      route("orders", "/*", { auth }),
    ],
    { identity: { partner, again: { ...partner, name: "again" }, hook: { ...hook, ...webhook } } },
  );
}
const start = (setting: Setting = {}): Promise<Gateway> =>
  startGateway(planWith(setting), () => Response.json({ ok: true }), {
    env: { SECRET_HOOK: SECRET, SECRET_TEXT: TEXT_SECRET, ...setting.env },
  });

const params = (nonce: string, { keyid }: Signer = alice, created = seconds()): string =>
  `;created=${created};nonce="${nonce}";keyid="${keyid}"`;
const sign = (nonce: string, more: Partial<Parameters<typeof signed>[1]> = {}, signer: Signer = alice) =>
  signed(signer.sign, { keyid: signer.keyid, params: params(nonce, signer), ...more });
const get = async (on: Gateway, headers: HeadersInit, path = "/orders/1"): Promise<number> =>
  (await on.fetch(path, { headers })).status;

async function macOf(secret: Uint8Array, text: string): Promise<Uint8Array> {
  const key = await crypto.subtle.importKey("raw", secret, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(text)));
}
/** A delivery of Standard Webhooks. */
async function deliver({ id = msg, at = seconds(), content = CONTENT } = {}): Promise<Record<string, string>> {
  const secret = Uint8Array.from(atob(SECRET.replace("whsec_", "")), (char) => char.charCodeAt(0));
  const signature = base64(await macOf(secret, `${id}.${at}.${content}`));
  return { "webhook-id": id, "webhook-timestamp": String(at), "webhook-signature": `v1,${signature}` };
}
const post = async (on: Gateway, headers: HeadersInit, body = CONTENT, path = "/hooks/1"): Promise<number> =>
  (await on.fetch(path, { method: "POST", headers, body })).status;

/** The real objects, with every call counted by the name of its object. */
function counted(): { readonly names: string[]; readonly namespace: Env["REPLAY"] } {
  const names: string[] = [];
  const getByName = (name: string) => {
    names.push(name);
    return bindings.REPLAY.getByName(name);
  };
  return { names, namespace: { getByName } as unknown as Env["REPLAY"] };
}

beforeEach(async () => {
  nowMs = Date.now();
  vi.spyOn(Date, "now").mockImplementation(() => nowMs);
  msg = crypto.randomUUID();
  [alice, bob] = [await ed25519Signer(crypto.randomUUID()), await ed25519Signer(crypto.randomUUID())];
});
afterEach(() => vi.restoreAllMocks());

describe("a signature", () => {
  test("passes once: then no more in its isolate, without a call, nor in any other", async () => {
    const { names, namespace } = counted();
    const [one, two] = [await start({ env: { REPLAY: namespace } }), await start({ env: { REPLAY: namespace } })];
    const headers = await sign("n1");
    expect([await get(one, headers), await get(one, headers)]).toEqual([200, 401]);
    expect(names).toEqual([expect.stringMatching(/^signatures-\d+$/)]);
    expect(await get(two, headers)).toBe(401);
    expect(names.length).toBe(2);
    expect(two.logs.findLast(({ kind }) => kind === "access")?.reason).toBe("partner: the nonce was used before");
    expect(one.sent.length + two.sent.length).toBe(1);
  });

  test("of a nonce that was used is refused for another request, too; another nonce and another key's are new", async () => {
    expect(await get(await start(), await sign("n1"))).toBe(200);
    const on = await start();
    expect(await get(on, await sign("n1", { path: "/orders/2" }), "/orders/2")).toBe(401);
    expect(await get(on, await sign("n1", { params: params("n1", alice, seconds() - 1) }))).toBe(401);
    expect(await get(on, await sign("n2"))).toBe(200);
    expect(await get(on, await sign("n1", {}, bob))).toBe(200);
  });

  test.each<[string, () => string]>([
    ["no nonce", () => `;created=${seconds()};keyid="${alice.keyid}"`],
    ["an empty one", () => params("")],
    ["one that is no text", () => `;created=${seconds()};nonce=1;keyid="${alice.keyid}"`],
    ["one that is too long", () => params("x".repeat(limits.signature.textCharsMax + 1))],
  ])("with %s is refused, and nothing is remembered", async (_, given) => {
    const { names, namespace } = counted();
    const on = await start({ env: { REPLAY: namespace } });
    expect(await get(on, await sign("", { params: given() }))).toBe(401);
    expect(names).toEqual([]);
  });

  test("that is not good spends no nonce: forged, for another content, of a stranger", async () => {
    const { names, namespace } = counted();
    const on = await start({ env: { REPLAY: namespace } });
    const fields = { "content-digest": await digestOf(CONTENT) };
    const headers = { ...fields, ...(await sign("n1", { method: "POST", fields })) };
    expect(
      await post(on, { ...headers, signature: `sig1=:${base64(new Uint8Array(64))}:` }, CONTENT, "/orders/1"),
    ).toBe(401);
    expect(await post(on, headers, "another", "/orders/1")).toBe(401);
    const mallory = { ...(await ed25519Signer("x")), keyid: alice.keyid };
    expect(await get(on, await sign("n1", {}, mallory))).toBe(401);
    expect(names).toEqual([]);
    expect(await post(on, headers, CONTENT, "/orders/1")).toBe(200);
  });

  test("is asked of two providers of a route, each of which takes it once", async () => {
    const on = await start();
    const headers = await sign("n1", { path: "/both/1" });
    expect([await get(on, headers, "/both/1"), await get(on, headers, "/both/1")]).toEqual([200, 401]);
  });

  test("of another provider's key of the same name is another one", async () => {
    const on = await start();
    expect(await get(on, await sign("n1"))).toBe(200);
    expect(await get(on, await sign("n1", { path: "/again/1" }), "/again/1")).toBe(200);
  });

  test("is remembered for as long as it is accepted", async () => {
    const headers = await sign("n1");
    expect(await get(await start(), headers)).toBe(200);
    nowMs += usualProvider.ageMsMax + usualProvider.clockSkewMs - 1000;
    expect(await get(await start(), headers)).toBe(401);
    // Its first use, as late: what is accepted by its age is remembered still.
    const late = await sign("n2", { params: params("n2", alice, seconds() - 359) });
    expect(await get(await start(), late)).toBe(200);
    expect(await get(await start(), late)).toBe(401);
    const ending = `;created=${seconds()};expires=${seconds() + 1};nonce="n3";keyid="${alice.keyid}"`;
    const soon = await sign("", { params: ending });
    nowMs += usualProvider.clockSkewMs;
    expect(await get(await start(), soon)).toBe(200);
    expect(await get(await start(), soon)).toBe(401);
  });

  test("may come again where the document does not ask for once, and costs no call", async () => {
    const { names, namespace } = counted();
    const { once: _, ...repeatable } = { ...usualProvider, keys: [keyOf(alice)] };
    const on = await startGateway(
      plan([route("orders", "/*", { auth: { any: ["partner"], scopes: [] } })], { identity: { partner: repeatable } }),
      () => Response.json({}),
      { env: { REPLAY: namespace } },
    );
    const headers = await sign("n1");
    expect([await get(on, headers), await get(on, headers), names]).toEqual([200, 200, []]);
  });
});

describe("a webhook", () => {
  test("passes once; tried again with the same id and a new time it passes, with the same time it does not", async () => {
    const [one, two] = [await start(), await start()];
    const first = await deliver();
    expect([await post(one, first), await post(one, first), await post(two, first)]).toEqual([200, 401, 401]);
    expect(two.logs.findLast(({ kind }) => kind === "access")?.reason).toBe("hook: the delivery was used before");
    nowMs += 5_000;
    const retry = await deliver();
    expect([await post(two, retry), await post(one, retry)]).toEqual([200, 401]);
  });

  test("is the same with any one of its signatures", async () => {
    const secrets = ["HOOK", "NEXT"];
    const next = "whsec_c2VjcmV0LW9mLWEtcm90YXRlZC1lbmRwb2ludA==";
    const on = await start({ webhook: { secrets }, env: { SECRET_NEXT: next } });
    const both = await deliver();
    const bytes = Uint8Array.from(atob(next.replace("whsec_", "")), (char) => char.charCodeAt(0));
    const other = `v1,${base64(await macOf(bytes, `${msg}.${seconds()}.${CONTENT}`))}`;
    expect(await post(on, { ...both, "webhook-signature": `${both["webhook-signature"]} ${other}` })).toBe(200);
    for (const signature of [both["webhook-signature"] ?? "", other])
      expect(
        await post(await start({ webhook: { secrets }, env: { SECRET_NEXT: next } }), {
          ...both,
          "webhook-signature": signature,
        }),
      ).toBe(401);
  });

  test("that is not good is not remembered", async () => {
    const on = await start();
    const good = await deliver();
    expect(await post(on, good, "another")).toBe(401);
    expect(await post(on, good)).toBe(200);
  });

  test("of styles without an id is known by its time and content", async () => {
    const [stripe, slack] = [
      await start({ webhook: { style: "stripe", secrets: ["TEXT"] } }),
      await start({ webhook: { style: "slack", secrets: ["TEXT"] } }),
    ];
    const mac = async (text: string) => hex(await macOf(new TextEncoder().encode(TEXT_SECRET), text));
    for (const content of [`${msg} one`, `${msg} two`]) {
      const field = { "stripe-signature": `t=${seconds()},v1=${await mac(`${seconds()}.${content}`)}` };
      expect([await post(stripe, field, content), await post(stripe, field, content)]).toEqual([200, 401]);
      const signature = `v0=${await mac(`v0:${seconds()}:${content}`)}`;
      const fields = { "x-slack-signature": signature, "x-slack-request-timestamp": String(seconds()) };
      expect([await post(slack, fields, content), await post(slack, fields, content)]).toEqual([200, 401]);
    }
  });

  test("of a style that signs no time passes never, should a plan ask for once", async () => {
    const timeless = webhookStyleNames.filter((name) => webhookStyles[name].prefix === undefined);
    expect(timeless).toEqual(["github", "shopify"]);
    const on = await start({ webhook: { style: "github", secrets: ["TEXT"] } });
    const signature = `sha256=${hex(await macOf(new TextEncoder().encode(TEXT_SECRET), CONTENT))}`;
    expect(await post(on, { "x-hub-signature-256": signature })).toBe(401);
  });

  test("is remembered until the tolerance is over", async () => {
    const first = await deliver({ at: seconds() + 300 });
    expect(await post(await start(), first)).toBe(200);
    nowMs += 599_000;
    expect(await post(await start(), first)).toBe(401);
  });
});

describe("of equal ones at once exactly one passes, over several isolates", () => {
  test.each(["signatures", "webhooks"])("%s", async (kind) => {
    const isolates = await Promise.all(Array.from({ length: 4 }, () => start()));
    for (let round = 0; round < 5; round++) {
      nowMs += 1000;
      const id = crypto.randomUUID();
      const headers = kind === "signatures" ? await sign(id) : await deliver({ id });
      const send = (on: Gateway): Promise<number> => (kind === "signatures" ? get(on, headers) : post(on, headers));
      const statuses = await Promise.all(Array.from({ length: 40 }, (_, at) => send(isolates[at % 4] as Gateway)));
      expect(statuses.sort()).toEqual([200, ...new Array(39).fill(401)]);
    }
  });
});

describe("when an object cannot tell, nobody passes, and that is not the client's fault", () => {
  const broken = (take: () => unknown): Partial<Env> => ({
    REPLAY: { getByName: () => ({ take }) } as unknown as Env["REPLAY"],
  });

  test.each<[string, () => unknown]>([
    ["fails", () => Promise.reject(new Error("Durable Object is overloaded."))],
    ["is silent", () => new Promise(() => undefined)],
    ["is full", () => Promise.resolve("full")],
  ])("it %s", async (_, take) => {
    vi.mocked(Date.now).mockRestore();
    nowMs = Date.now();
    const on = await start({ env: broken(take) });
    const id = crypto.randomUUID();
    const answers = await Promise.all([
      on.fetch("/orders/1", { headers: await sign(id) }),
      on.fetch("/hooks/1", { method: "POST", headers: await deliver({ id }), body: CONTENT }),
    ]);
    for (const answer of answers)
      expect([answer.status, await answer.json()]).toMatchObject([503, { code: "proofs_unavailable" }]);
    expect(on.sent).toEqual([]);
  });

  test("it is asked again by the next attempt", async () => {
    let up = false;
    const flaky = {
      getByName: (name: string) =>
        up ? bindings.REPLAY.getByName(name) : { take: () => Promise.reject(new Error("x")) },
    } as unknown as Env["REPLAY"];
    const on = await start({ env: { REPLAY: flaky } });
    const headers = await sign("n1");
    expect(await get(on, headers)).toBe(503);
    up = true;
    expect([await get(on, headers), await get(on, headers)]).toEqual([200, 401]);
  });

  test("another provider of the route that accepts is enough", async () => {
    const names: string[] = [];
    const onlySignatures = {
      getByName: (name: string) => {
        names.push(name);
        return name.startsWith("webhooks")
          ? { take: () => Promise.reject(new Error("x")) }
          : bindings.REPLAY.getByName(name);
      },
    } as unknown as Env["REPLAY"];
    const on = await start({ env: { REPLAY: onlySignatures } });
    const fields = { "content-digest": await digestOf(CONTENT) };
    const signature = await sign("n1", { method: "POST", path: "/either/1", fields });
    const delivery = await deliver({ id: crypto.randomUUID() });
    expect(await post(on, { ...fields, ...signature, ...delivery }, CONTENT, "/either/1")).toBe(200);
    expect(names.map((name) => name.split("-")[0])).toEqual(["webhooks", "signatures"]);
  });
});
