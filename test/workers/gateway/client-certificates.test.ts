import { SignJWT } from "jose";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { CertificateProvider } from "../../../shared/auth/certificate-rules.ts";
import type { TlsTerminator } from "../../../shared/auth/client-connection.ts";
import type { TokenBinding } from "../../../shared/auth/confirmation.ts";
import type { GatewayPlan } from "../../../shared/plan/plan.ts";
import { certificates, DEVICE_X5T, VALID_AT_MS } from "../../support/client-certificates.ts";
import { createClient } from "./support/dpop.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { createIssuer, type Issuer } from "./support/issuer.ts";
import { plan, route } from "./support/plans.ts";

const ISSUER_DN = "CN=Devices CA,O=Example\\, Inc.,C=DE";
const field = (name: keyof typeof certificates): string => `:${certificates[name]}:`;
const escapedPem = (name: keyof typeof certificates): string =>
  encodeURIComponent(
    `-----BEGIN CERTIFICATE-----\n${certificates[name].replace(/(.{64})/g, "$1\n")}\n-----END CERTIFICATE-----\n`,
  );

let gateway: Gateway;
let issuer: Issuer;

interface Setting {
  readonly devices?: Partial<CertificateProvider>;
  readonly terminator?: TlsTerminator;
  readonly binding?: TokenBinding;
}
function planWith({ devices, terminator, binding }: Setting): GatewayPlan {
  const { identity } = plan([]);
  const login = { ...identity.login, ...(binding && { binding }) } as GatewayPlan["identity"][string];
  const routes = [
    route("devices", "/devices/*", { auth: { any: ["devices"], scopes: [] } }),
    route("login", "/login/*", { auth: { any: ["login"], scopes: [] } }),
    route("either", "/either/*", { auth: { any: ["login", "devices"], scopes: [] } }),
    route("both", "/both/*", { auth: { any: [], all: ["login", "devices"], scopes: [] } }),
    route("optional", "/optional/*", { auth: { any: ["devices"], optional: true, scopes: [] } }),
    route("open", "/open/*"),
  ];
  return plan(routes, {
    identity: { login, devices: { kind: "certificate", subject: "uri", issuers: [ISSUER_DN], ...devices } },
    ...(terminator !== undefined && { tlsTerminator: terminator }),
  });
}

const start = (setting: Setting = {}): Promise<Gateway> =>
  startGateway(planWith(setting), (request) => issuer.answer(request.url) ?? new Response("ok"));

interface Call {
  readonly headers?: Record<string, string>;
  readonly cf?: unknown;
  readonly peer?: string;
}
const get = (path: string, { headers = {}, cf, peer }: Call = {}): Promise<Response> => {
  const init = { headers, cf: cf ?? (peer === undefined ? {} : { clientIp: `${peer}:4711` }) };
  return gateway.fetch(path, init as unknown as RequestInit);
};
const platform = (name: keyof typeof certificates, more: Record<string, unknown> = {}) => ({
  tlsClientAuth: { certPresented: "1", certVerified: "SUCCESS", certRevoked: "0", certRFC9440: field(name), ...more },
});
const subOf = (): string => {
  const token = gateway.sent.at(-1)?.headers.get("txn-token") ?? "";
  return JSON.parse(atob((token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/"))).sub;
};

beforeEach(async () => {
  vi.spyOn(Date, "now").mockReturnValue(VALID_AT_MS);
  issuer = await createIssuer();
  gateway = await start();
});
afterEach(() => vi.restoreAllMocks());

describe("a certificate that the platform verified", () => {
  test("names its client, once and again", async () => {
    for (let time = 0; time < 2; time++) {
      expect((await get("/devices/1", { cf: platform("device") })).status).toBe(200);
      expect(subOf()).toBe("spiffe://example.com/device/7");
    }
  });

  test.each<[string, keyof typeof certificates, Record<string, unknown>]>([
    ["of another issuer", "foreign", {}],
    ["without a URI", "two", {}],
    ["that failed verification", "device", { certVerified: "FAILED:unable to verify the first certificate" }],
    ["that is revoked", "device", { certRevoked: "1" }],
    ["that is too large", "device", { certRFC9440: "", certRFC9440TooLarge: true }],
    ["that is garbage", "device", { certRFC9440: ":AAAA:" }],
  ])("%s is refused, on a route where it is optional, too", async (_, name, more) => {
    for (const path of ["/devices/1", "/either/1", "/optional/1"]) {
      const response = await get(path, { cf: platform(name, more) });
      expect([response.status, await response.json()]).toMatchObject([401, { code: "credentials_invalid" }]);
    }
    expect(gateway.sent).toEqual([]);
  });

  test("that is over, or not begun", async () => {
    vi.mocked(Date.now).mockReturnValue(Date.UTC(2126, 9, 29));
    expect((await get("/devices/1", { cf: platform("device") })).status).toBe(401);
    vi.mocked(Date.now).mockReturnValue(Date.UTC(2026, 10, 20));
    expect((await get("/devices/1", { cf: platform("device") })).status).toBe(401);
  });

  test("is revoked by its fingerprint, and by the time of its issue", async () => {
    const expiresAtMs = VALID_AT_MS + 60_000;
    for (const target of [{ jti: DEVICE_X5T }, { issuer: ISSUER_DN, issuedBefore: VALID_AT_MS / 1000 }]) {
      gateway = await start();
      gateway.control.revocations = { revision: 1, entries: [{ ...target, expiresAtMs }] };
      expect((await get("/devices/1", { cf: platform("device") })).status).toBe(401);
    }
  });

  test("of a list of fingerprints", async () => {
    gateway = await start({ devices: { subject: "fingerprint", fingerprints: [DEVICE_X5T] } });
    expect((await get("/devices/1", { cf: platform("device") })).status).toBe(200);
    expect(subOf()).toBe(DEVICE_X5T);
    expect((await get("/devices/1", { cf: platform("two") })).status).toBe(401);
  });
});

test("no certificate is no credential, for which no scheme of HTTP can ask", async () => {
  const response = await get("/devices/1");
  expect([response.status, await response.json()]).toMatchObject([401, { code: "credentials_missing" }]);
  expect(response.headers.get("www-authenticate")).toBeNull();
  expect((await get("/optional/1")).status).toBe(200);
  expect((await get("/either/1")).headers.get("www-authenticate")).toBe('Bearer realm="api.shop.example"');
});

describe("fields with a certificate", () => {
  const claims = {
    "client-cert": field("device"),
    "x-ssl-client-cert": escapedPem("device"),
    "x-forwarded-proto": "https",
  };

  test("are believed of a terminator's address, in the one form that it uses", async () => {
    gateway = await start({ terminator: { addresses: ["127.0.0.1"] } });
    expect((await get("/devices/1", { headers: { "client-cert": field("device") }, peer: "127.0.0.1" })).status).toBe(
      200,
    );
    expect(
      (await get("/devices/1", { headers: { "x-ssl-client-cert": escapedPem("device") }, peer: "127.0.0.1" })).status,
    ).toBe(401);
    gateway = await start({ terminator: { addresses: ["fd00::/8"], escapedPemHeader: "x-ssl-client-cert" } });
    expect(
      (
        await get("/devices/1", {
          headers: { "x-ssl-client-cert": escapedPem("device") },
          cf: { clientIp: "[fd00::1]:1" },
        })
      ).status,
    ).toBe(200);
    expect(
      (await get("/devices/1", { headers: { "client-cert": field("device") }, cf: { clientIp: "[fd00::1]:1" } }))
        .status,
    ).toBe(401);
  });

  test.each<[string, TlsTerminator | undefined, Call]>([
    ["anybody, without a terminator", undefined, { peer: "127.0.0.1" }],
    ["another address", { addresses: ["127.0.0.1"] }, { peer: "10.0.0.1" }],
    ["a platform that names no peer", { addresses: ["0.0.0.0/0", "::/0"] }, {}],
    [
      "an address that a field claims",
      { addresses: ["127.0.0.1"] },
      { peer: "10.0.0.1", headers: { "cf-connecting-ip": "127.0.0.1" } },
    ],
  ])("are nothing of %s", async (_, terminator, call) => {
    gateway = await start(terminator === undefined ? {} : { terminator });
    const response = await get("/devices/1", { ...call, headers: { ...claims, ...call.headers } });
    expect([response.status, await response.json()]).toMatchObject([401, { code: "credentials_missing" }]);
  });

  test("never go on inside, in no spelling, on no route", async () => {
    const terminator = { addresses: ["127.0.0.1"], escapedPemHeader: "x-ssl-client-cert" };
    const spellings = {
      ...claims,
      client_cert: "x",
      "client-cert-chain": "x",
      x_ssl_client_cert: "x",
      "x-ssl_client-cert": "x",
    };
    for (const setting of [{}, { terminator }]) {
      gateway = await start(setting);
      for (const peer of ["127.0.0.1", "10.0.0.1"]) await get("/open/1", { headers: spellings, peer });
      for (const { headers } of gateway.sent)
        for (const name of headers.keys()) expect(name.replaceAll("_", "-")).not.toMatch(/^client-cert/);
    }
    for (const { headers } of gateway.sent)
      for (const name of headers.keys()) expect(name.replaceAll("_", "-")).not.toBe("x-ssl-client-cert");
    expect(gateway.sent.map(({ headers }) => headers.get("x-forwarded-proto"))).toEqual(["https", "http"]);
  });

  test.each([
    ...[":", "::", ":AAAA:", "x", field("foreign"), `${field("device")}, ${field("device")}`, certificates.device],
    ...[`:${"A".repeat(40_000)}:`, `${field("device")};q=1`, field("device").slice(0, 400)],
  ])("that are wrong are refused: %#", async (value) => {
    gateway = await start({ terminator: { addresses: ["127.0.0.1"] } });
    expect((await get("/devices/1", { headers: { "client-cert": value }, peer: "127.0.0.1" })).status).toBe(401);
  });
});

describe("a token that is bound to a certificate", () => {
  const bound = (thumbprint = DEVICE_X5T) => issuer.sign({ cnf: { "x5t#S256": thumbprint } });
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

  test("passes with that one alone, whoever issued it, each time", async () => {
    const headers = bearer(await bound());
    expect((await get("/login/1", { headers, cf: platform("device") })).status).toBe(200);
    expect((await get("/login/1", { headers })).status).toBe(401);
    expect((await get("/login/1", { headers, cf: platform("two") })).status).toBe(401);
    expect(
      (await get("/login/1", { headers, cf: platform("device", { certVerified: "FAILED:certificate has expired" }) }))
        .status,
    ).toBe(401);
    expect((await get("/login/1", { headers: { ...headers, "client-cert": field("device") } })).status).toBe(401);
    expect((await get("/login/1", { headers, cf: platform("device") })).status).toBe(200);
  });

  test("does not come by the scheme DPoP", async () => {
    const token = await bound();
    const client = await createClient();
    const headers = {
      authorization: `DPoP ${token}`,
      dpop: await client.proof({ token, url: "http://api.shop.example/login/1" }),
    };
    expect((await get("/login/1", { headers, cf: platform("device") })).status).toBe(401);
  });

  test("may be required", async () => {
    gateway = await start({ binding: { certificate: "required" } });
    expect((await get("/login/1", { headers: bearer(await issuer.sign()), cf: platform("device") })).status).toBe(401);
    expect((await get("/login/1", { headers: bearer(await bound()), cf: platform("device") })).status).toBe(200);
  });

  test("beside the certificate as a proof of its own", async () => {
    const headers = bearer(await bound());
    expect((await get("/both/1", { headers, cf: platform("device") })).status).toBe(200);
    expect(subOf()).toBe("alice");
    expect((await get("/both/1", { headers: bearer(await issuer.sign()) })).status).toBe(401);
  });
});

test("a DPoP proof is for the URL that the terminator's client saw", async () => {
  gateway = await start({ terminator: { addresses: ["127.0.0.1"] } });
  const client = await createClient();
  const token = await issuer.sign({ cnf: { jkt: client.jkt } });
  const show = async (scheme: string, forwarded: string, peer: string) => {
    const dpop = await client.proof({ token, url: `${scheme}://api.shop.example/login/1` });
    const headers = { authorization: `DPoP ${token}`, dpop, "x-forwarded-proto": forwarded };
    return (await get("/login/1", { headers, peer })).status;
  };
  expect(await show("https", "https", "127.0.0.1")).toBe(200);
  expect(await show("http", "https", "127.0.0.1")).toBe(401);
  expect(await show("https", "https", "10.0.0.1")).toBe(401);
  expect(await show("http", "https", "10.0.0.1")).toBe(200);
});

test("a token of a secret can be bound, too", async () => {
  const secret = new TextEncoder().encode("0123456789abcdef0123456789abcdef");
  const shared = planWith({});
  const identity = {
    ...shared.identity,
    login: { ...shared.identity.login, algorithms: ["HS256"], keys: { secret: "HMAC" } },
  };
  const on = await startGateway({ ...shared, identity } as GatewayPlan, () => new Response("ok"), {
    env: { SECRET_HMAC: "0123456789abcdef0123456789abcdef" },
  });
  gateway = on;
  const claims = {
    iss: issuer.url,
    aud: "shop-api",
    sub: "ann",
    exp: VALID_AT_MS / 1000 + 60,
    cnf: { "x5t#S256": DEVICE_X5T },
  };
  const token = await new SignJWT(claims).setProtectedHeader({ alg: "HS256" }).sign(secret);
  const headers = { authorization: `Bearer ${token}` };
  expect((await get("/login/1", { headers })).status).toBe(401);
  expect((await get("/login/1", { headers, cf: platform("device") })).status).toBe(200);
});
