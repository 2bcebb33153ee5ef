/** Who may make which call: every call with every role, the table of the docs, and tokens that are not what they say. */
import { beforeAll, describe, expect, test } from "vitest";
import { controlCalls, type Role, rolesFor } from "../../../shared/wire/control-calls.ts";
import { makeApi } from "../../../workers/control/api.ts";
import { applyDocument, call, shop, token } from "./support.ts";

const owners = { payments: { paths: ["/payments/*"] } };
const applied = () => applyDocument({ ...shop(), owners });
beforeAll(applied);

const ROLES: readonly Role[] = ["admin", "owner", "viewer", "agent", "gateway", "keys", "cache"];
const tokenOf = (role: Role): Promise<string> =>
  token({
    role,
    ...(role === "owner" && { owners: ["payments"] }),
    ...(role === "agent" && { service: "orders" }),
  });

const SAMPLES: Readonly<Record<string, string>> = {
  digest: "A".repeat(43),
  version: "1",
  jti: "no-such-token",
  trace: "0".repeat(32),
};
const registered = makeApi()
  .routes.filter(({ method }) => method !== "ALL")
  .map(({ method, path }) => {
    const asked = path.replace(/:(\w+)(\{.*?\}+(?=\/|$))?/g, (_, name: string) => {
      if (path.includes("denied")) return `w-${"0".repeat(12)}`;
      if (name === "id") return /revocations|taps/.test(path) ? "0".repeat(36) : "0".repeat(16);
      return SAMPLES[name] ?? name;
    });
    return { name: `${method} ${path}`, method, asked };
  });

test("every call has its row, and no row is without a call", () => {
  const bare = registered.map(({ name }) => name.replace(/\{.*?\}+(?=\/|$)/g, ""));
  expect(bare.sort()).toEqual(Object.keys(controlCalls).sort());
});

describe.each(registered)("$name", ({ name, method, asked }) => {
  test.each(ROLES)("by %s", async (role) => {
    const allowed = rolesFor(name);
    const { status, body } = await call(method, asked, await tokenOf(role), method === "GET" ? undefined : {});
    if (allowed === "open" || allowed.includes(role)) expect([401, 403]).not.toContain(status);
    else expect([status, body.code]).toEqual([403, "role_missing"]);
  });
  test("by nobody", async () => {
    const { status } = await call(method, asked, undefined, method === "GET" ? undefined : {});
    if (rolesFor(name) === "open") expect(status).not.toBe(401);
    else expect(status).toBe(401);
  });
});

describe("a path that is written in another way opens nothing", () => {
  test.each([
    ["POST", "/v1/config/versions/"],
    ["POST", "/v1//config/rollback"],
    ["POST", "/v1/./config/rollback"],
    ["POST", "/v1/status/../config/rollback"],
    ["POST", "/v1/config%2frollback"],
    ["POST", "/v1/%63onfig/rollback"],
    ["POST", "/V1/config/rollback"],
    ["POST", "/v1/config/rollback?role=admin"],
    ["POST", "/v1/config/rollback;/v1/status"],
    ["PUT", "/v1/status"],
    ["GET", "/v1/keys/rotate"],
    ["OPTIONS", "/v1/status"],
    ["TRACE", "/v1/config/rollback"],
  ])("%s %s", async (method, path) => {
    const before = (await call("GET", "/v1/status", "admin")).body.version;
    for (const role of ["viewer", "owner"] as const) {
      const answer = await call(method, path, await tokenOf(role), method === "GET" ? undefined : { version: 1 }).catch(
        () => undefined,
      );
      if (answer !== undefined) expect([403, 404, 405]).toContain(answer.status);
    }
    expect((await call("GET", "/v1/status", "admin")).body.version).toBe(before);
  });

  test("HEAD asks what GET does, and nothing more", async () => {
    expect((await call("HEAD", "/v1/status", await tokenOf("viewer"))).status).toBe(200);
    expect((await call("HEAD", "/v1/status", await tokenOf("gateway"))).status).toBe(403);
  });
});

describe("a token is not believed", () => {
  const part = (value: unknown): string => btoa(JSON.stringify(value)).replaceAll("=", "").replaceAll("/", "_");
  const exp = Math.floor(Date.now() / 1000) + 60;
  const claims = { sub: "x", iss: "selvage", aud: "selvage-control", exp };
  test.each<[string, () => Promise<string>]>([
    ["with another role under the same signature", async () => altered({ role: "admin" })],
    ["with other owners under the same signature", async () => altered({ owners: ["orders"] })],
    ["with a longer life under the same signature", async () => altered({ exp: exp * 2 })],
    ["of an owner of nothing", () => token({ role: "owner" })],
    ["of an owner of an empty list", () => token({ role: "owner", owners: [] })],
    ["of an owner of what is no list", () => token({ role: "owner", owners: "payments" })],
    ["of a viewer with owners", () => token({ role: "viewer", owners: ["payments"] })],
    ["of two roles", () => token({ role: ["viewer", "admin"] })],
    ["with an id that is none", () => token({ role: "admin", jti: 7 })],
    ["expired", () => token({ role: "viewer" }, { exp: Math.floor(Date.now() / 1000) - 1 })],
    ["for another audience", () => token({ role: "viewer" }, { audience: "shop-api" })],
    ["of another issuer", () => token({ role: "viewer" }, { issuer: "selvage2" })],
    ["of another type", () => token({ role: "viewer" }, { header: { typ: "JWT" } })],
    [
      "without a signature",
      async () => `${part({ alg: "none", typ: "selvage-control+jwt" })}.${part({ ...claims, role: "admin" })}.`,
    ],
    ["without an end", async () => token({ role: "viewer" }, { exp: Number.NaN })],
  ])("%s", async (_name, make) => {
    const made = await make().catch(() => "a.b.c");
    const { status, body } = await call("GET", "/v1/status", made);
    expect([status, body.code]).toEqual([401, "credentials_invalid"]);
  });

  async function altered(change: object): Promise<string> {
    const [head = "", body = "", signature = ""] = (await tokenOf("owner")).split(".");
    const stated = JSON.parse(atob(body.replaceAll("-", "+").replaceAll("_", "/")));
    return [head, part({ ...stated, ...change }), signature].join(".");
  }
});
