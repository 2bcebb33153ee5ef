/** Whatever stands in the fields of signatures and webhooks: never an error of ours, and never a pass but for the good ones. */
import fc from "fast-check";
import { afterEach, expect, test, vi } from "vitest";
import type { WebhookProvider } from "../../../shared/auth/webhook.ts";
import { webhookStyleNames, webhookStyles } from "../../../shared/auth/webhook.ts";
import { fuzzing } from "./support/fuzz.ts";
import { startGateway } from "./support/gateway.ts";
import { plan, route } from "./support/plans.ts";
import { digestOf, ed25519Signer, keyOf, nowSeconds, signed, usualProvider } from "./support/sign.ts";

afterEach(() => vi.restoreAllMocks());

const word = fc.constantFrom(
  ...[
    "sig1",
    "()",
    '("@method")',
    '("@query-param";name="a")',
    '("content-digest";key="sha-256")',
    '("x";bs;sf)',
    '("@status" "@path";req)',
  ],
  ...[
    ";created=1",
    ";created",
    ';keyid="alice-2026"',
    ';alg="ed25519"',
    ';tag=""',
    ";expires=-1",
    ';nonce="x"',
    "=",
    ",",
    ", ",
    ":AAAA:",
    "::",
  ],
  ...[
    '"',
    "\\",
    "?1",
    "@1",
    "%22",
    '%"a"',
    "1.5",
    "999999999999999",
    "token",
    "*",
    " ",
    "\t",
    "(",
    ")",
    ";",
    "t=1",
    "v1,",
    "v1=",
    "sha256=",
    "v0=",
  ],
);
const field = fc.oneof(
  fc.array(word, { maxLength: 12 }).map((words) => words.join("")),
  fc.stringMatching(/^[\x20-\x7e]{0,60}$/),
);
/** A text with a piece of it changed. */
const changed = (text: string) =>
  fc
    .tuple(fc.nat(text.length - 1), fc.nat(4), fc.stringMatching(/^[\x21-\x7e]{0,3}$/))
    .map(([at, length, piece]) => text.slice(0, at) + piece + text.slice(at + length));

test("signatures", async () => {
  const alice = await ed25519Signer("alice-2026");
  const identity = { partner: { ...usualProvider, keys: [keyOf(alice)] } };
  const orders = route("orders", "/orders/*", { auth: { any: ["partner"], scopes: [] } });
  const gateway = await startGateway(plan([orders], { identity }), () => Response.json({}));
  const content = "five";
  const fields = { "content-digest": await digestOf(content) };
  const params = `;created=${nowSeconds()};keyid="alice-2026"`;
  const good = { ...fields, ...(await signed(alice.sign, { keyid: alice.keyid, method: "POST", fields, params })) };
  const ask = async (headers: Record<string, string>): Promise<number> =>
    (await gateway.fetch("/orders/1", { method: "POST", headers, body: content })).status;

  expect(await ask(good)).toBe(200);
  const headers = fc.record({
    "signature-input": fc.oneof(field, fc.constant(good["signature-input"]), changed(good["signature-input"])),
    signature: fc.oneof(field, fc.constant(good.signature), changed(good.signature)),
    "content-digest": fc.oneof(field, fc.constant(good["content-digest"]), changed(good["content-digest"])),
  });
  const withoutSpace = (text: string): string => text.replace(/[ \t]+/g, "");
  await fc.assert(
    fc.asyncProperty(headers, async (given) => {
      const isGood = (Object.keys(good) as (keyof typeof good)[]).every(
        (name) => withoutSpace(given[name]) === withoutSpace(good[name]),
      );
      const status = await ask(given);
      expect(isGood ? [200, 401] : [401]).toContain(status);
    }),
    fuzzing(700),
  );
}, 60_000);

test("webhooks of every style", async () => {
  const provider = (style: (typeof webhookStyleNames)[number]): WebhookProvider => ({
    kind: "webhook",
    name: style,
    style,
    secrets: ["HOOK"],
    publicKeys: style === "standard" ? ["ZlN4eg7dSSqi0moX9hQUk3orrOouK3QVQSlJa248c/g="] : [],
    toleranceMs: 300_000,
    sub: style,
    scopes: [],
    groups: [],
  });
  const identity = Object.fromEntries(webhookStyleNames.map((style) => [style, provider(style)]));
  const routes = webhookStyleNames.map((style) => route(style, `/${style}`, { auth: { any: [style], scopes: [] } }));
  const gateway = await startGateway(plan(routes, { identity }), () => Response.json({}), {
    env: { SECRET_HOOK: "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" },
  });
  const now = String(nowSeconds());
  const b64 = `${"A".repeat(43)}=`;
  const zeros = "0".repeat(64);
  const value = fc.oneof(
    field,
    fc.constantFrom(
      now,
      "msg_1",
      `v1,${b64}`,
      `v1a,${"A".repeat(86)}==`,
      `t=${now},v1=${zeros}`,
      `sha256=${zeros}`,
      `v0=${zeros}`,
      b64,
    ),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...webhookStyleNames),
      value,
      value,
      value,
      async (name, signatures, timestamp, id) => {
        const style = webhookStyles[name];
        const headers: Record<string, string> = { [style.signatures]: signatures };
        if (style.timestamp !== undefined) headers[style.timestamp] = timestamp;
        if (style.id !== undefined) headers[style.id] = id;
        const { status } = await gateway.fetch(`/${name}`, { method: "POST", headers, body: "content" });
        expect(status).toBe(401);
      },
    ),
    fuzzing(700),
  );
}, 60_000);
