/** What clients call by, behind a terminator of TLS that is trusted, for signatures and logins. DPoP has a test of its own. */
import { afterEach, expect, test, vi } from "vitest";
import { startGateway } from "./support/gateway.ts";
import { Browser, createOp, webPlan } from "./support/login.ts";
import { plan, route } from "./support/plans.ts";
import { ed25519Signer, keyOf, type Signer, signed, usualProvider } from "./support/sign.ts";

afterEach(() => vi.restoreAllMocks());

test("a signature covers the scheme that the terminator tells, and nobody else", async () => {
  const alice = await ed25519Signer("alice-2026");
  const gateway = await startGateway(
    plan([route("orders", "/*", { auth: { any: ["partner"], scopes: [] } })], {
      identity: { partner: { ...usualProvider, keys: [keyOf(alice)] } },
      tlsTerminator: { addresses: ["192.0.2.9"] },
    }),
    () => Response.json({}),
  );
  const covered = ["@method", "@target-uri", "@scheme"];
  const https = (base: string) => alice.sign(base.replace(/("@target-uri": |"@scheme": )http/g, "$1https"));
  const statusOf = async (sign: Signer["sign"], peer: string, proto = "https"): Promise<number> => {
    const headers = { "x-forwarded-proto": proto, ...(await signed(sign, { keyid: alice.keyid, covered })) };
    const init = { headers, cf: { clientIp: `${peer}:4711` } } as unknown as RequestInit;
    return (await gateway.fetch("/orders/1", init)).status;
  };
  expect([await statusOf(https, "192.0.2.9"), await statusOf(alice.sign, "192.0.2.9")]).toEqual([200, 401]);
  expect([await statusOf(https, "192.0.2.8"), await statusOf(alice.sign, "192.0.2.8")]).toEqual([401, 200]);
  expect([await statusOf(https, "192.0.2.9", "http"), await statusOf(alice.sign, "192.0.2.9", "http")]).toEqual([
    401, 200,
  ]);
});

test("a login on loopback comes back by https where the terminator says so, and its pages are of that origin", async () => {
  const op = await createOp();
  const gateway = await startGateway(
    { ...webPlan(), hosts: ["localhost"], tlsTerminator: { addresses: ["127.0.0.1"] } },
    async (request) => (await op.outside(request)) ?? new Response("upstream"),
  );
  const browser = new Browser(gateway, "localhost:8443");
  const by = (peer: string, headers: Record<string, string> = {}, method = "GET") =>
    ({ method, headers: { "x-forwarded-proto": "https", ...headers }, cf: { clientIp: `${peer}:4711` } }) as object;
  const navigation = { "sec-fetch-mode": "navigate" };
  const askedFor = (away: Response): string =>
    new URL(away.headers.get("location") ?? "").searchParams.get("redirect_uri") ?? "";
  for (const path of ["/app/1", "/.selvage/web/login"])
    for (const [peer, scheme] of [
      ["192.0.2.1", "http"],
      ["127.0.0.1", "https"],
    ] as const) {
      const away = await browser.send(path, by(peer, navigation));
      expect([path, askedFor(away)]).toEqual([path, `${scheme}://localhost:8443/.selvage/web/callback`]);
    }
  const away = await browser.send("/app/1", by("127.0.0.1", navigation));
  const { pathname, search } = new URL(op.authorize(away.headers.get("location") ?? ""));
  expect((await browser.send(pathname + search, by("127.0.0.1", navigation))).status).toBe(303);
  const post = async (path: string, origin: string): Promise<number> =>
    (await browser.send(path, by("127.0.0.1", { origin }, "POST"))).status;
  for (const path of ["/app/1", "/.selvage/web/logout"]) {
    expect(await post(path, "http://localhost:8443")).toBe(403);
    expect(await post(path, "https://localhost:8443")).toBe(200);
  }
});
