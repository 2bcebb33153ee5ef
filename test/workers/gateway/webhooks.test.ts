/** Webhooks against a gateway in workerd: those that are published, and everything that is none. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { isOfSmallOrder } from "../../../shared/auth/small-order.ts";
import type { WebhookProvider } from "../../../shared/auth/webhook.ts";
import { hex } from "../../../shared/http/hex.ts";
import { limits } from "../../../shared/limits.ts";
import { type PublishedWebhook, publishedWebhooks } from "../../support/webhooks.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { plan, route } from "./support/plans.ts";
import { base64 } from "./support/sign.ts";

const AT = 1_700_000_000;
const CONTENT = '{"type":"invoice.paid"}';
const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER = "whsec_c2VjcmV0LW9mLWEtcm90YXRlZC1lbmRwb2ludA==";
const provider: WebhookProvider = {
  kind: "webhook",
  name: "sender",
  style: "standard",
  secrets: ["HOOK"],
  publicKeys: [],
  toleranceMs: 300_000,
  sub: "sender",
  scopes: [],
  groups: [],
};

const start = (more: Partial<WebhookProvider> = {}, env: Record<string, string> = { SECRET_HOOK: SECRET }) =>
  startGateway(
    plan([route("hooks", "/hooks/*", { auth: { any: ["sender"], scopes: [] }, timeoutMs: 20_000 })], {
      identity: { sender: { ...provider, ...more } },
    }),
    () => Response.json({ ok: true }),
    { env },
  );
const send = async (gateway: Gateway, headers: HeadersInit, body: BodyInit | null = CONTENT, method = "POST") =>
  (await gateway.fetch("/hooks/1", { method, headers, body })).status;

async function mac(secret: Uint8Array, text: string): Promise<Uint8Array> {
  const key = await crypto.subtle.importKey("raw", secret, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(text)));
}
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const rawSecret = (text: string): Uint8Array =>
  Uint8Array.from(atob(text.replace("whsec_", "")), (char) => char.charCodeAt(0));

async function standard({ id = "msg_1", at = String(AT), content = CONTENT, secret = SECRET } = {}) {
  const signature = base64(await mac(rawSecret(secret), `${id}.${at}.${content}`));
  return { "webhook-id": id, "webhook-timestamp": at, "webhook-signature": `v1,${signature}` };
}

beforeEach(() => {
  vi.spyOn(Date, "now").mockReturnValue(AT * 1000);
});
afterEach(() => vi.restoreAllMocks());

describe("published webhooks", () => {
  const startFor = ({ style, secret, publicKey, at }: PublishedWebhook): Promise<Gateway> => {
    vi.mocked(Date.now).mockReturnValue(at * 1000 + 5_000);
    return start(
      { style, secrets: secret === undefined ? [] : ["HOOK"], publicKeys: publicKey === undefined ? [] : [publicKey] },
      secret === undefined ? {} : { SECRET_HOOK: secret },
    );
  };

  test.each(publishedWebhooks)("$from: good as it is, and nothing else", async (webhook) => {
    const gateway = await startFor(webhook);
    const { fields, content } = webhook;
    expect(await send(gateway, fields, content)).toBe(200);
    const sent = gateway.sent.at(-1);
    expect(await sent?.text()).toBe(content);
    expect([...Object.keys(fields)].map((name) => sent?.headers.get(name))).toEqual(Object.values(fields));
    const claims = JSON.parse(atob((sent?.headers.get("txn-token") ?? "").split(".")[1] ?? ""));
    expect(claims).toMatchObject({ sub: "sender", rctx: { method: "webhook", issuer: "sender" } });
    expect(await send(gateway, fields, `${content} `)).toBe(401);
    expect(await send(gateway, fields, null)).toBe(401);
    for (const name of Object.keys(fields)) {
      expect(await send(gateway, { ...fields, [name]: "" }, content)).toBe(401);
      expect(
        await send(gateway, Object.fromEntries(Object.entries(fields).filter(([one]) => one !== name)), content),
      ).toBe(401);
      expect(await send(gateway, { ...fields, [name]: `${fields[name]}, ${fields[name]}` }, content)).toBe(401);
    }
  });

  test.each(publishedWebhooks)("$from: not with another secret, nor as another style", async (webhook) => {
    const gateway = await startFor({ ...webhook, ...(webhook.secret !== undefined && { secret: OTHER }) });
    const other = webhook.publicKey !== undefined ? { ...webhook.fields, "webhook-id": "msg_2" } : webhook.fields;
    expect(await send(gateway, other, webhook.content)).toBe(401);
    for (const style of ["standard", "github", "stripe", "slack", "shopify"] as const) {
      if (style === webhook.style) continue;
      const wrong = await startFor({ ...webhook, style });
      expect(await send(wrong, webhook.fields, webhook.content)).toBe(401);
    }
  });
});

describe("Standard Webhooks", () => {
  test("any of several secrets, and any of several signatures", async () => {
    const env = { SECRET_HOOK: SECRET, SECRET_NEXT: OTHER };
    const both = await start({ secrets: ["HOOK", "NEXT"] }, env);
    const [old, next] = [await standard(), await standard({ secret: OTHER })];
    expect(await send(both, old)).toBe(200);
    expect(await send(both, next)).toBe(200);
    const onlyNext = await start({ secrets: ["NEXT"] }, env);
    expect(await send(onlyNext, old)).toBe(401);
    const two = `${old["webhook-signature"]} ${next["webhook-signature"]}`;
    expect(await send(onlyNext, { ...old, "webhook-signature": two })).toBe(200);
  });

  test("the id is a claim that conditions and templates can use", async () => {
    const auth = { any: ["sender"], scopes: [], claims: { webhook_id: ["msg_1"], iat: [AT] } };
    const gateway = await startGateway(
      plan([route("hooks", "/hooks/*", { auth })], { identity: { sender: provider } }),
      () => Response.json({}),
      { env: { SECRET_HOOK: SECRET } },
    );
    expect(await send(gateway, await standard())).toBe(200);
    expect(await send(gateway, await standard({ id: "msg_2" }))).toBe(403);
  });

  test("within the tolerance, both ways", async () => {
    const gateway = await start();
    for (const [away, status] of [
      [-300, 200],
      [-301, 401],
      [300, 200],
      [301, 401],
    ] as const)
      expect([away, await send(gateway, await standard({ at: String(AT + away) }))]).toEqual([away, status]);
  });

  test("an id that ends early is another text: no part of it can move into the time or the content", async () => {
    const gateway = await start();
    expect(await send(gateway, await standard({ id: `msg_1.${AT}` }))).toBe(401);
    const good = await standard({ id: "msg", content: `${AT}.{}` });
    expect(await send(gateway, good, `${AT}.{}`)).toBe(200);
    expect(await send(gateway, { ...good, "webhook-id": `msg.${AT}` }, "{}")).toBe(401);
  });

  test("binary content, none, and a HEAD request", async () => {
    const gateway = await start();
    const bytes = Uint8Array.from({ length: 256 }, (_, at) => at);
    const prefix = encode(`msg_1.${AT}.`);
    const all = new Uint8Array([...prefix, ...bytes]);
    const key = await crypto.subtle.importKey("raw", rawSecret(SECRET), { name: "HMAC", hash: "SHA-256" }, false, [
      "sign",
    ]);
    const signature = `v1,${base64(await crypto.subtle.sign("HMAC", key, all))}`;
    expect(await send(gateway, { ...(await standard()), "webhook-signature": signature }, bytes)).toBe(200);
    expect(new Uint8Array((await gateway.sent.at(-1)?.arrayBuffer()) as ArrayBuffer)).toEqual(bytes);
    expect(await send(gateway, await standard({ content: "" }), null)).toBe(200);
    expect(await send(gateway, await standard({ content: "" }), null, "GET")).toBe(200);
    expect(await send(gateway, await standard({ content: "" }), null, "HEAD")).toBe(200);
  });

  test("secrets that cannot be used are our fault", async () => {
    for (const text of [
      undefined,
      "",
      "whsec_",
      "whsec_AAAA",
      "whsec_not base64!!!!!!!!!!!!!!!!!!!!!!!",
      btoa("x".repeat(23)),
    ]) {
      const gateway = await start({}, text === undefined ? {} : { SECRET_HOOK: text });
      const response = await gateway.fetch("/hooks/1", { method: "POST", headers: await standard(), body: CONTENT });
      expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([500, "secret_missing"]);
    }
  });

  test("a refusal says where a signature belongs", async () => {
    const gateway = await start();
    const missing = await gateway.fetch("/hooks/1", { method: "POST", body: CONTENT });
    expect(missing.headers.get("www-authenticate")).toBe('Webhook realm="api.shop.example", field="webhook-signature"');
    const wrong = await gateway.fetch("/hooks/1", { method: "POST", body: "other", headers: await standard() });
    expect(wrong.headers.get("www-authenticate")).toContain('error="invalid_signature"');
    expect(await wrong.json()).toMatchObject({ code: "credentials_invalid", status: 401 });
  });
});

describe("styles of which no request is published", () => {
  test("Stripe: several signatures, others passed over", async () => {
    const secret = "whsec_test_secret_of_stripe";
    const gateway = await start({ style: "stripe" }, { SECRET_HOOK: secret });
    const good = hex(await mac(encode(secret), `${AT}.${CONTENT}`));
    const zeros = "0".repeat(64);
    const statusOf = (field: string): Promise<number> => send(gateway, { "stripe-signature": field });
    expect(await statusOf(`t=${AT},v1=${good},v0=${zeros}`)).toBe(200);
    expect(await statusOf(`t=${AT},v1=${zeros},v1=${good}`)).toBe(200);
    for (const field of [
      `t=${AT},v0=${good}`,
      `v1=${good}`,
      `t=${AT}`,
      `t=${AT},t=${AT},v1=${good}`,
      `t=${AT + 1},v1=${good}`,
      `t=${AT},v1=${good.toUpperCase()}`,
      `t=${AT},v1=${good.slice(1)}`,
      `t=${AT},v1`,
      `t=,v1=${good}`,
      `t=0${AT},v1=${good}`,
      `t=${AT}, v1=${good}`,
    ])
      expect([field, await statusOf(field)]).toEqual([field, 401]);
  });

  test("Shopify", async () => {
    const secret = "shpss_0123456789abcdef";
    const gateway = await start({ style: "shopify" }, { SECRET_HOOK: secret });
    const good = base64(await mac(encode(secret), CONTENT));
    const statusOf = (field: string): Promise<number> => send(gateway, { "x-shopify-hmac-sha256": field });
    expect(await statusOf(good)).toBe(200);
    for (const field of [good.slice(0, -1), `${good}=`, good.replace(/^./, "_"), "", "="])
      expect(await statusOf(field)).toBe(401);
  });
});

describe("attacks", () => {
  const one = base64(new Uint8Array(32));
  const tooMany = Array.from({ length: limits.signature.webhookSignaturesMax + 1 }, () => `v1,${one}`).join(" ");
  test.each<[string, Record<string, string>]>([
    ["no version", { "webhook-signature": one }],
    ["an unknown version alone", { "webhook-signature": `v2,${one}` }],
    ["another version for the same bytes", { "webhook-signature": `v1a,${one}` }],
    ["an empty signature", { "webhook-signature": "v1," }],
    ["a cut signature", { "webhook-signature": `v1,${one.slice(0, 8)}` }],
    ["base64url", { "webhook-signature": `v1,${one.replace(/A/g, "-")}` }],
    ["stray bits", { "webhook-signature": `v1,${one.replace("A=", "B=")}` }],
    ["too many", { "webhook-signature": tooMany }],
    ["a field without end", { "webhook-signature": `v1,${"A".repeat(10_000)}` }],
    ["unicode", { "webhook-signature": "v1,\u00e9" }],
    ["a Slack mark", { "webhook-signature": `v0=${"0".repeat(64)}` }],
    ["time in milliseconds", { "webhook-timestamp": `${AT}000` }],
    ["a negative time", { "webhook-timestamp": `-${AT}` }],
    ["a time with a sign", { "webhook-timestamp": `+${AT}` }],
    ["a time with a fraction", { "webhook-timestamp": `${AT}.0` }],
    ["a time in hex", { "webhook-timestamp": "0x6553f100" }],
    ["a time as exponent", { "webhook-timestamp": "17e8" }],
    ["two times", { "webhook-timestamp": `${AT}, ${AT}` }],
    ["an endless time", { "webhook-timestamp": "9".repeat(400) }],
    ["two ids", { "webhook-id": "msg_1, msg_1" }],
    ["a long id", { "webhook-id": "x".repeat(257) }],
    ["another id", { "webhook-id": "msg_2" }],
    ["fields of Svix", { "svix-signature": "v1,x", "webhook-signature": "" }],
  ])("%s", async (_, wrong) => {
    const gateway = await start();
    expect(await send(gateway, { ...(await standard()), ...wrong })).toBe(401);
    expect(gateway.sent).toEqual([]);
  });

  test("a public key that is no point has signed nothing", async () => {
    const gateway = await start({ secrets: [], publicKeys: [base64(new Uint8Array(32).fill(2))] });
    const signature = `v1a,${base64(new Uint8Array(64))}`;
    expect(await send(gateway, { ...(await standard()), "webhook-signature": signature })).toBe(401);
  });

  test("why keys of small order are refused: workerd takes signatures of nobody under them", async () => {
    const neutral = Uint8Array.of(1, ...new Uint8Array(31));
    const key = await crypto.subtle.importKey("raw", neutral, { name: "Ed25519" }, false, ["verify"]);
    const signature = Uint8Array.of(1, ...new Uint8Array(63));
    expect(await crypto.subtle.verify({ name: "Ed25519" }, key, signature, encode("anything"))).toBe(true);
    expect(isOfSmallOrder(neutral)).toBe(true);
  });
});
