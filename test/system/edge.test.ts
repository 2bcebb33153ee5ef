/** The edge from outside: credentials, the composed call, limits. */
import { createHmac } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { errorTable } from "../../shared/errors.ts";
import { PARTIAL } from "../../shared/http/header-names.ts";
import { type System, startSystem } from "../support/system.ts";

let system: System;

beforeAll(async () => {
  system = await startSystem();
});
afterAll(() => system?.stop());

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split(".")[1] as string, "base64url").toString());

describe("the composed profile", () => {
  test("joins three services, the last of them by what the first one said", async () => {
    const response = await system.get("/user/profile", await system.token("alice"));
    expect(response.status).toBe(200);
    const profile = (await response.json()) as Record<string, Record<string, unknown>>;
    expect(profile.user).toBeTypeOf("object");
    expect(profile.preferences).toBeTypeOf("object");
    expect(profile.lastOrder).toEqual({ id: profile.user?.lastOrderId, status: expect.any(String) });
    expect(response.headers.get(PARTIAL)).toBeNull();
  });

  test("names an optional part that is missing, and fails in words without a required one", async () => {
    const token = await system.token("parts");
    for (const role of ["agent", "app"] as const) system.kill("preferences-1", role, "SIGKILL");
    const partial = await system.get("/user/profile", token);
    expect(partial.status).toBe(200);
    expect(partial.headers.get(PARTIAL)).toBe("preferences");
    const profile = (await partial.json()) as Record<string, unknown>;
    expect(profile.user).toBeTypeOf("object");
    expect(profile.preferences ?? null).toBeNull();

    for (const role of ["agent", "app"] as const) system.kill("users-1", role, "SIGKILL");
    const failed = await system.get("/user/profile", token);
    expect([502, 503]).toContain(failed.status);
    expect(failed.headers.get("content-type")).toBe("application/problem+json");

    await system.restart("users-1");
    await system.restart("preferences-1");
    const whole = await system.get("/user/profile", token);
    expect(whole.status).toBe(200);
    expect(whole.headers.get(PARTIAL)).toBeNull();
  });
});

describe("credentials", () => {
  /** Everything that is not a valid token of the one issuer for this audience. */
  const cases: Record<string, (good: string) => Promise<string | undefined> | string | undefined> = {
    missing: () => undefined,
    "no token at all": () => "Bearer ",
    "another scheme": () => `Basic ${Buffer.from("alice:alice").toString("base64")}`,
    "not a token": () => "Bearer abc.def",
    expired: () => demo("--expires-in", "-120"),
    "another audience": () => demo("--audience", "another-api"),
    "another issuer": () => demo("--issuer", "https://login.evil.example/"),
    "alg none": (good) => `Bearer ${encode({ alg: "none", typ: "JWT" })}.${encode(claimsOf(good))}.`,
    "alg none, signature kept": (good) =>
      `Bearer ${encode({ alg: "none" })}.${encode(claimsOf(good))}.${good.split(".")[2]}`,
    "another subject under the same signature": (good) => {
      const [head, , signature] = good.split(".");
      return `Bearer ${head}.${encode({ ...claimsOf(good), sub: "mallory" })}.${signature}`;
    },
    "the public key used as a shared secret": async (good) => {
      const keys = (await (await fetch(await jwksUrl())).json()) as { keys: { kid: string }[] };
      const input = `${encode({ alg: "HS256", kid: keys.keys[0]?.kid })}.${encode(claimsOf(good))}`;
      return `Bearer ${input}.${createHmac("sha256", JSON.stringify(keys.keys[0])).update(input).digest("base64url")}`;
    },
  };

  async function demo(...options: string[]): Promise<string> {
    return `Bearer ${await system.token("alice", ...options)}`;
  }

  async function jwksUrl(): Promise<string> {
    const origin = `http://127.0.0.1:${system.port("IDP")}`;
    const discovery = await fetch(`${origin}/.well-known/openid-configuration`);
    return ((await discovery.json()) as { jwks_uri: string }).jwks_uri;
  }

  test.each(Object.keys(cases))("%s: 401", async (name) => {
    const authorization = await cases[name]?.(await system.token("alice"));
    const response = await fetch(`${system.url}/user/profile`, {
      headers: authorization === undefined ? {} : { authorization },
    });
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toMatch(/^Bearer\b/);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    const { traceId, code, ...problem } = (await response.json()) as Record<string, unknown>;
    expect(traceId).toMatch(/^[0-9a-f]{32}$/);
    const expected = ["missing", "another scheme"].includes(name) ? "credentials_missing" : "credentials_invalid";
    expect(code).toBe(expected);
    const { title, detail } = errorTable[expected];
    expect(problem).toEqual({ type: "about:blank", title, status: 401, detail });
  });

  test("a scope that the token lacks: 403, and the limit of others is not touched", async () => {
    const response = await system.get("/api/v2/orders/42", await system.token("bob", "--no-scopes"));
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({ code: "scope_missing", status: 403 });
  });
});

describe("the limit", () => {
  const field = (response: Response, name: string): Record<string, number> =>
    Object.fromEntries(
      [...(response.headers.get(name) ?? "").matchAll(/;([a-z]+)=(\d+)/g)].map(([, key, value]) => [
        key,
        Number(value),
      ]),
    );

  test("admits exactly 100 of 300 at once, says so, and leaves others alone", async () => {
    const token = await system.token("carol");
    const answers = await Promise.all(Array.from({ length: 300 }, () => system.get("/user/profile", token)));
    const refused = answers.filter(({ status }) => status === 429);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(100);
    expect(refused).toHaveLength(200);
    for (const response of refused) {
      expect(Number(response.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
      expect(Number(response.headers.get("retry-after"))).toBeLessThanOrEqual(60);
      expect(field(response, "ratelimit-policy")).toMatchObject({ q: 100, w: 60 });
      expect(field(response, "ratelimit")).toMatchObject({ r: 0 });
      expect(await response.json()).toMatchObject({ code: "limit_exceeded", status: 429 });
    }
    const other = await system.get("/user/profile", await system.token("dave"));
    expect(other.status).toBe(200);
    expect(field(other, "ratelimit")).toMatchObject({ r: 99 });
  });
});
