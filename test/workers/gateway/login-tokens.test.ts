/** What a provider, or somebody in its place, may answer to a code: only a good ID token logs anybody in. */
import { generateKeyPair, SignJWT } from "jose";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { Browser, createOp, OP, type Op, webPlan } from "./support/login.ts";

let op: Op;
let gateway: Gateway;
let browser: Browser;
let nowMs: number;

const start = (plan = webPlan()): Promise<Gateway> =>
  startGateway(plan, async (request) => (await op.outside(request)) ?? new Response("upstream"));

beforeEach(async () => {
  nowMs = Date.now();
  vi.spyOn(Date, "now").mockImplementation(() => nowMs);
  op = await createOp();
  gateway = await start();
  browser = new Browser(gateway);
});
afterEach(() => vi.restoreAllMocks());

const refusal = async (response: Response): Promise<string> =>
  `${response.status} ${((await response.json()) as { code: string }).code}`;

/** Begins a login. @returns what the provider sends the browser back with */
async function begun(who = browser): Promise<URLSearchParams> {
  const away = await who.open("/app/1");
  return new URL(op.authorize(away.headers.get("location") ?? "")).searchParams;
}
const callback = (answer: URLSearchParams | string, who = browser): Promise<Response> =>
  who.open(`/.selvage/web/callback?${answer}`);

describe("an ID token", () => {
  const hour = 3600;
  test.each<[string, () => Op["wrong"] | Promise<Op["wrong"]>]>([
    ["with another nonce (replay)", () => ({ claims: { nonce: "other" } })],
    ["without nonce", () => ({ claims: { nonce: undefined } })],
    ["for another client", () => ({ claims: { aud: "other" } })],
    ["for two clients without azp", () => ({ claims: { aud: ["shop-web", "other"] } })],
    ["for two clients with another azp", () => ({ claims: { aud: ["shop-web", "other"], azp: "other" } })],
    ["of another issuer", () => ({ claims: { iss: "https://evil.example/" } })],
    ["that has expired", () => ({ claims: { exp: Math.floor(nowMs / 1000) - hour } })],
    ["without exp", () => ({ claims: { exp: undefined } })],
    ["of the future", () => ({ claims: { nbf: Math.floor(nowMs / 1000) + hour } })],
    ["without iat", () => ({ claims: { iat: undefined } })],
    ["without sub", () => ({ claims: { sub: undefined } })],
    ["with an empty sub", () => ({ claims: { sub: "" } })],
    ["with a sub that is no text", () => ({ claims: { sub: 7 } })],
    ["with a very long sub", () => ({ claims: { sub: "x".repeat(300) } })],
    ["signed by somebody else", async () => ({ key: (await generateKeyPair("ES256")).privateKey })],
    ["with a kid that nobody has", () => ({ header: { kid: "../../dev/null" } })],
    ["of another type", () => ({ header: { typ: "logout+jwt" } })],
    ["with a critical extension", () => ({ header: { crit: ["exp"], exp: 1 } })],
    ["that does not fit into a cookie", () => ({ claims: { note: "x".repeat(4000) } })],
  ])("%s logs nobody in", async (_, wrong) => {
    const answer = await begun();
    op.wrong = await wrong();
    expect(await refusal(await callback(answer))).toBe("400 login_failed");
    expect(browser.session).toBeUndefined();
  });

  test("makes a cookie that every browser takes, with its attributes (RFC 6265 section 6.1), or none", async () => {
    const statuses = new Set<number>();
    for (let size = 2_600; size < 2_760; size += 8) {
      const answer = await begun();
      op.wrong = { claims: { note: "x".repeat(size) } };
      const response = await callback(answer);
      statuses.add(response.status);
      for (const line of response.headers.getSetCookie()) expect(line.length).toBeLessThanOrEqual(4096);
      browser.cookies.clear();
    }
    expect([...statuses]).toEqual([303, 400]);
  });

  const challenged = (error: string): Response =>
    Response.json({ error }, { status: 401, headers: { "www-authenticate": 'Basic realm="op"' } });
  const raw = (part: object): string => btoa(JSON.stringify(part)).replaceAll("=", "");
  const tokens =
    (body: object): (() => Response) =>
    () =>
      Response.json({ access_token: "at", token_type: "Bearer", ...body });
  test.each<[string, () => Promise<() => Response> | (() => Response), string]>([
    ["that is missing", () => tokens({}), "400 login_failed"],
    [
      "of no algorithm",
      () => tokens({ id_token: `${raw({ alg: "none" })}.${raw({ sub: "alice" })}.` }),
      "400 login_failed",
    ],
    [
      "signed with the public key as a secret",
      async () => {
        const secret = new TextEncoder().encode(JSON.stringify(op.publicJwk));
        const claims = { iss: OP, aud: "shop-web", sub: "alice", iat: nowMs / 1000, exp: nowMs / 1000 + hour };
        return tokens({ id_token: await new SignJWT(claims).setProtectedHeader({ alg: "HS256" }).sign(secret) });
      },
      "400 login_failed",
    ],
    ["that is no token", () => tokens({ id_token: "a.b.c" }), "400 login_failed"],
    ["in an answer that is no JSON", () => () => new Response("<html>"), "400 login_failed"],
    [
      "in an answer of an unknown kind of token",
      () => tokens({ token_type: "mac", id_token: "x" }),
      "400 login_failed",
    ],
    [
      "behind a redirect",
      () => () => new Response(null, { status: 302, headers: { location: "/" } }),
      "400 login_failed",
    ],
    ["behind a refusal", () => () => Response.json({ error: "invalid_grant" }, { status: 400 }), "400 login_failed"],
    ...["invalid_client", "unauthorized_client"].flatMap((error): [string, () => () => Response, string][] => [
      [`behind ${error}`, () => () => Response.json({ error }, { status: 400 }), "503 issuer_unavailable"],
      [`behind ${error} and a challenge`, () => () => challenged(error), "503 issuer_unavailable"],
    ]),
    ["behind an error", () => () => new Response(null, { status: 503 }), "503 issuer_unavailable"],
    ["in an answer without end", () => () => new Response("x".repeat(300_000)), "503 issuer_unavailable"],
  ])("%s logs nobody in, with the status that fits", async (_, answered, expected) => {
    const answer = await begun();
    op.wrong = { answer: await answered() };
    expect(await refusal(await callback(answer))).toBe(expected);
    expect(browser.session).toBeUndefined();
  });
});
