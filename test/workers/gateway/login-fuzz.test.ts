/** Whatever stands in `Cookie` or in a callback: never an error of ours, and a pass for the one good session alone. */
import fc from "fast-check";
import { afterEach, expect, test, vi } from "vitest";
import { fuzzing } from "./support/fuzz.ts";
import { startGateway } from "./support/gateway.ts";
import { Browser, createOp, webPlan } from "./support/login.ts";

afterEach(() => vi.restoreAllMocks());

const SESSION = "__Host-selvage-session-web";
const visible = fc.stringMatching(/^[\x20-\x7e]{0,60}$/);

async function started() {
  const op = await createOp();
  const gateway = await startGateway(webPlan(), async (request) => (await op.outside(request)) ?? Response.json({}));
  const browser = new Browser(gateway);
  return { op, gateway, browser };
}

test("cookies", async () => {
  const { op, gateway, browser } = await started();
  await browser.open("/app/1");
  const [pending = ""] = browser.cookies.values();
  await browser.logIn(op);
  const good = browser.session ?? "";
  const changed = fc
    .tuple(fc.nat(good.length - 1), fc.nat(3), fc.stringMatching(/^[\x21-\x7e]{0,4}$/))
    .map(([at, length, text]) => good.slice(0, at) + text + good.slice(at + length));
  const value = fc.oneof(changed, visible, fc.constantFrom(good, pending, "", `"${good}"`), fc.base64String());
  const name = fc.oneof(
    { weight: 4, arbitrary: fc.constant(SESSION) },
    fc.constantFrom("__Host-selvage-login-web-AAAAAAAA", "__HOST-SELVAGE-SESSION-WEB", "a", "", "__proto__", " "),
    visible,
  );
  const separator = fc.constantFrom("; ", ";", ", ", ",", ";;", " ", "; =");
  const header = fc
    .array(fc.tuple(name, fc.constantFrom("=", "==", "", " = "), value, separator), { minLength: 1, maxLength: 5 })
    .map((parts) => parts.map((part) => part.join("")).join(""));
  const isGood = (cookie: string): boolean => {
    // A member without `=` has no name (RFC 6265 section 5.2).
    const own = cookie.split(";").filter((part) => part.replace(/^ +/, "").startsWith(`${SESSION}=`));
    return own.length === 1 && own[0]?.slice(own[0].indexOf("=") + 1) === good;
  };
  await fc.assert(
    fc.asyncProperty(header, async (cookie) => {
      const { status } = await new Browser(gateway).call("/app/1", { headers: { cookie } });
      expect(status).toBe(isGood(cookie.trim()) ? 200 : 401);
      expect(gateway.sent.at(-1)?.headers.get("cookie") ?? "").not.toMatch(/(^|[;,])\s*__host-selvage-/i);
    }),
    fuzzing(2_000, 1_500),
  );
});

test("callbacks", async () => {
  const { op, gateway } = await started();
  const field = fc.oneof(
    fc.constantFrom("code", "state", "iss", "error", "error_description", "id_token", "response", "session_state"),
    visible,
  );
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(field, visible), { maxLength: 5 }), fc.boolean(), async (more, keeps) => {
      const browser = new Browser(gateway);
      const away = await browser.open("/app/1");
      const asked = new URL(away.headers.get("location") ?? "").searchParams;
      const query = new URLSearchParams(more);
      if (keeps) query.append("state", asked.get("state") ?? "");
      const { status } = await browser.open(`/.selvage/web/callback?${query}`);
      expect(status).toBe(400);
      expect(browser.session).toBeUndefined();
    }),
    fuzzing(300, 1_500),
  );
  expect(op.exchanges).toEqual([]);
});
