/** Every kind of provider on one route: each proof by itself, any two, none, and what a refusal asks for. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { webhookStyles } from "../../../shared/auth/webhook.ts";
import type { GatewayPlan } from "../../../shared/plan/plan.ts";
import { certificates, VALID_AT_MS } from "../../support/client-certificates.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { AUDIENCE } from "./support/issuer.ts";
import { createKey, partners } from "./support/keys.ts";
import { Browser, createOp, HOST, OP, type Op, web } from "./support/login.ts";
import { opaqueProvider, secrets } from "./support/opaque-issuer.ts";
import { plan, route } from "./support/plans.ts";
import { ed25519Signer, hmacSign, keyOf, type Signer, signed, usualProvider } from "./support/sign.ts";

const HOOK = new Uint8Array(32).fill(7);
const KINDS = ["login", "opaque", "partners", "web", "signer", "hook", "devices"] as const;
type Kind = (typeof KINDS)[number];

/** What a client adds to a request. */
interface Shown {
  readonly headers?: Readonly<Record<string, string>>;
  readonly cf?: object;
}

let op: Op;
let alice: Signer;
let gateway: Gateway;
/** Calls to the issuer. */
let asked: string[];

/** One issuer signs tokens, is asked about them and logs people in. */
function everyKind(any: readonly string[] = KINDS, more: Partial<GatewayPlan["identity"]> = {}): GatewayPlan {
  const jwt = { kind: "jwt", issuer: OP, audiences: [AUDIENCE], algorithms: ["ES256"], clockSkewMs: 0 } as const;
  const { url: _, ...opaque } = opaqueProvider({ issuer: OP, jwts: false });
  const grants = { scopes: [], groups: [] };
  const identity = {
    login: jwt,
    opaque,
    partners,
    web: web(),
    signer: { ...usualProvider, name: "signer", keys: [keyOf(alice)] },
    hook: {
      ...{ kind: "webhook", name: "hook", style: "standard", secrets: ["HOOK"], publicKeys: [], sub: "hook" },
      ...{ toleranceMs: 300_000, ...grants },
    },
    devices: { kind: "certificate", subject: "uri" },
    ...more,
  } as GatewayPlan["identity"];
  return plan([route("every", "/every/*", { auth: { any, scopes: [] } })], { hosts: [HOST], identity });
}

const start = (of: GatewayPlan = everyKind()): Promise<Gateway> =>
  startGateway(
    of,
    async (request) => {
      if (request.url.startsWith(OP)) asked.push(request.url.slice(OP.length));
      if (request.url === `${OP}keys`) return Response.json({ keys: [op.publicJwk, alice.jwk] });
      if (request.url !== `${OP}introspect`) return (await op.outside(request)) ?? new Response("ok");
      const form = new TextDecoder().decode(await request.arrayBuffer());
      const token = new URLSearchParams(form).get("token");
      return Response.json(token === "opaque-token" ? { active: true, sub: "olga" } : { active: false });
    },
    { env: { ...secrets, SECRET_HOOK: `whsec_${btoa(String.fromCharCode(...HOOK))}` } },
  );

const platform = (certificate: keyof typeof certificates): object => ({
  tlsClientAuth: {
    ...{ certPresented: "1", certVerified: "SUCCESS", certRevoked: "0" },
    certRFC9440: `:${certificates[certificate]}:`,
  },
});

/** A good proof of each kind. */
const good: Readonly<Record<Kind, () => Promise<Shown>>> = {
  login: async () => {
    const { iat, exp } = { iat: VALID_AT_MS / 1000, exp: VALID_AT_MS / 1000 + 600 };
    const token = await op.logoutToken({ aud: AUDIENCE, sub: "jill", iat, exp }, { typ: "at+jwt" });
    return { headers: { authorization: `Bearer ${token}` } };
  },
  opaque: async () => ({ headers: { authorization: "Bearer opaque-token" } }),
  partners: async () => ({ headers: { "x-api-key": (await createKey()).key } }),
  web: async () => {
    const browser = new Browser(gateway);
    await browser.logIn(op, "/.selvage/web/login");
    return { headers: { cookie: `__Host-selvage-session-web=${browser.session}` } };
  },
  signer: async () => ({
    headers: await signed(alice.sign, { keyid: alice.keyid, path: "/every/1", authority: HOST }),
  }),
  hook: async () => {
    const at = String(VALID_AT_MS / 1000);
    const signature = `v1,${await hmacSign(HOOK, `msg_1.${at}.`)}`;
    return { headers: { "webhook-id": "msg_1", "webhook-timestamp": at, "webhook-signature": signature } };
  },
  devices: async () => ({ cf: platform("device") }),
};

/** One of each kind that is not good. */
const bad: Readonly<Record<Kind, Shown>> = {
  login: { headers: { authorization: "Bearer e30.e30.e30" } },
  opaque: { headers: { authorization: "Bearer of-nobody" } },
  partners: { headers: { "x-api-key": "slv_nobody" } },
  web: { headers: { cookie: "__Host-selvage-session-web=1AAAA" } },
  signer: { headers: { "signature-input": 'sig1=();keyid="x"', signature: "sig1=:AAAA:" } },
  hook: { headers: { [webhookStyles.standard.signatures]: "v1,AAAA" } },
  devices: { cf: platform("two") },
};

const NAMES: Readonly<Record<Kind, string>> = {
  login: "jwt",
  opaque: "introspection",
  partners: "api-key",
  web: "oidc",
  signer: "signature",
  hook: "webhook",
  devices: "certificate",
};

const ask = (shown: readonly Shown[], more: Record<string, string> = {}, on = gateway): Promise<Response> => {
  const headers = Object.assign({}, ...shown.map((one) => one.headers), more);
  return on.fetch("/every/1", { host: HOST, headers, cf: Object.assign({}, ...shown.map(({ cf }) => cf)) } as object);
};
const navigation = { "sec-fetch-mode": "navigate", accept: "text/html" };
const sentInside = (): number => gateway.sent.filter(({ url }) => !url.startsWith(OP)).length;
const methodSent = (): unknown => {
  const token = gateway.sent.at(-1)?.headers.get("txn-token") ?? "";
  return JSON.parse(atob((token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/"))).rctx.method;
};

/** Challenges by their scheme; a scheme that is there twice shows. */
function challengesOf(response: Response): [scheme: string, error: string | undefined][] {
  const field = response.headers.get("www-authenticate") ?? "";
  return field
    .split(/, (?=[A-Za-z]+ [a-z]+=")/)
    .map((text) => [text.split(" ")[0] ?? "", /error="([^"]+)"/.exec(text)?.[1]]);
}
const SCHEMES: Readonly<Record<Kind, readonly [scheme: string, error: string] | undefined>> = {
  login: ["Bearer", "invalid_token"],
  opaque: ["Bearer", "invalid_token"],
  partners: ["ApiKey", "invalid_key"],
  web: ["Login", "invalid_session"],
  signer: ["Signature", "invalid_signature"],
  hook: ["Webhook", "invalid_signature"],
  devices: undefined,
};
/** What is asked for where proofs of these kinds were refused. */
const expected = (refused: readonly Kind[]): [string, string | undefined][] =>
  ["Bearer", "ApiKey", "Login", "Signature", "Webhook"].map((scheme) => {
    const error = refused.map((kind) => SCHEMES[kind]).find((one) => one?.[0] === scheme)?.[1];
    return [scheme, error];
  });

const pairs = KINDS.flatMap((one, at) => KINDS.slice(at + 1).map((other): [Kind, Kind] => [one, other]))
  // A request has one token.
  .filter(([one, other]) => !(one === "login" && other === "opaque"));

beforeEach(async () => {
  vi.spyOn(Date, "now").mockReturnValue(VALID_AT_MS);
  op = await createOp();
  op.metadata.introspection_endpoint = `${OP}introspect`;
  alice = await ed25519Signer("alice");
  asked = [];
  gateway = await start();
});
afterEach(() => vi.restoreAllMocks());

describe("a proof", () => {
  test.each(KINDS)("of %s alone is enough, and none of it goes on inside", async (kind) => {
    const shown = await good[kind]();
    expect((await ask([shown])).status).toBe(200);
    expect(methodSent()).toBe(NAMES[kind]);
    const sent = JSON.stringify([...(gateway.sent.at(-1)?.headers ?? [])]);
    if (kind !== "hook") for (const value of Object.values(shown.headers ?? {})) expect(sent).not.toContain(value);
    expect((await ask([shown], navigation)).status).toBe(200);
  });

  test.each(KINDS)("of %s that is not good is refused, with what is wrong at its scheme", async (kind) => {
    const response = await ask([bad[kind]]);
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([401, "credentials_invalid"]);
    expect(challengesOf(response)).toEqual(expected([kind]));
    expect(sentInside()).toBe(0);
  });

  test("is asked for where there is none: each scheme once, without an error", async () => {
    const response = await ask([]);
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([401, "credentials_missing"]);
    expect(challengesOf(response)).toEqual(expected([]));
  });
});

describe("two proofs at once", () => {
  test.each(pairs)("of %s and %s: the first of the route names the identity", async (one, other) => {
    expect((await ask([await good[one](), await good[other]()])).status).toBe(200);
    expect(methodSent()).toBe(NAMES[one]);
    // In the other order of the route it is the other one.
    gateway = await start(everyKind([...KINDS].reverse()));
    expect((await ask([await good[one](), await good[other]()])).status).toBe(200);
    expect(methodSent()).toBe(NAMES[other]);
  });

  test.each(pairs)("of %s and %s: a good one is enough beside a bad one, two bad ones are none", async (one, other) => {
    expect((await ask([await good[one](), bad[other]])).status).toBe(200);
    expect((await ask([bad[one], await good[other]()])).status).toBe(200);
    const sent = sentInside();
    const response = await ask([bad[one], bad[other]]);
    expect(response.status).toBe(401);
    expect(challengesOf(response)).toEqual(expected([one, other]));
    expect(sentInside()).toBe(sent);
  });
});

test("a bound token hears of its proof once, though another provider does not know it", async () => {
  const { login } = everyKind().identity;
  for (const any of [
    ["login", "opaque"],
    ["opaque", "login"],
  ]) {
    gateway = await start(
      everyKind(any, { login: { ...login, binding: { dpop: "accepted" } } as GatewayPlan["identity"][string] }),
    );
    const { iat, exp } = { iat: VALID_AT_MS / 1000, exp: VALID_AT_MS / 1000 + 600 };
    const cnf = { jkt: "A".repeat(43) };
    const token = await op.logoutToken({ aud: AUDIENCE, iat, exp, cnf }, { typ: "at+jwt" });
    expect(challengesOf(await ask([{ headers: { authorization: `DPoP ${token}` } }]))).toEqual([
      ["Bearer", undefined],
      ["DPoP", "invalid_dpop_proof"],
    ]);
  }
});

describe("a navigation", () => {
  test("is sent to the login when nothing was sent, or a session that is over", async () => {
    for (const shown of [[], [bad.web]]) {
      const response = await ask(shown, navigation);
      expect([response.status, response.headers.get("www-authenticate")]).toEqual([302, null]);
      expect(response.headers.get("location")).toMatch(/^https:\/\/id\.shop\.example\/authorize\?/);
    }
  });

  test.each(KINDS.filter((kind) => kind !== "web"))(
    "with a bad proof of %s hears that it is not good",
    async (kind) => {
      for (const shown of [[bad[kind]], [bad[kind], bad.web]]) {
        const response = await ask(shown, navigation);
        expect([response.status, response.headers.get("location")]).toEqual([401, null]);
        expect(challengesOf(response)).toEqual(expected(shown.length === 1 ? [kind] : [kind, "web"]));
      }
    },
  );

  test("with one good proof of the two that are needed is sent to the login for the other", async () => {
    const of = everyKind();
    const auth = { any: [], all: ["devices", "web"], scopes: [] };
    gateway = await start({ ...of, routes: [route("every", "/every/*", { auth })] });
    expect((await ask([await good.devices()], navigation)).status).toBe(302);
    expect((await ask([bad.devices], navigation)).status).toBe(401);
  });
});

describe("an issuer of several kinds of providers", () => {
  test("is asked once for what it says of itself and for its keys", async () => {
    const shown = { login: await good.login(), opaque: await good.opaque(), web: await good.web() };
    for (const one of Object.values(shown)) expect((await ask([one])).status).toBe(200);
    const count = (path: string): number => asked.filter((one) => one === path).length;
    expect([count(".well-known/openid-configuration"), count("keys"), count("introspect")]).toEqual([1, 1, 1]);
  });

  test("is asked once for a key set that tokens and signatures share", async () => {
    const url = `${OP}keys`;
    const published = { url, grants: { sub: "op", scopes: [], groups: [] } };
    const { login } = everyKind().identity;
    gateway = await start(
      everyKind(["login", "signer"], {
        login: { ...login, keys: { url } } as GatewayPlan["identity"][string],
        signer: { ...usualProvider, name: "signer", published },
      }),
    );
    expect((await ask([await good.login()])).status).toBe(200);
    expect((await ask([await good.signer()])).status).toBe(200);
    expect(asked).toEqual(["keys"]);
  });
});
