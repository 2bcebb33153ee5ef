/** Tokens that are made with tokens: none gives more than its maker's, and a leaked one is refused at once. */

import { runInDurableObject } from "cloudflare:test";
import { beforeAll, describe, expect, test } from "vitest";
import { type Answer, applyDocument, call, configStore, shop, token } from "./support.ts";

const owners = { payments: { paths: ["/payments/*"] }, orders: { paths: ["/orders/*"] } };
beforeAll(() => applyDocument({ ...shop(), owners }));

const HOUR = 3_600_000;
const make = (request: object, as = "admin"): Promise<Answer> => call("POST", "/v1/tokens", as, request);
const made = async (request: object, as = "admin"): Promise<{ token: string; jti: string; expiresAtMs: number }> => {
  const { status, body } = await make(request, as);
  expect(status).toBe(201);
  return body;
};
const asks = async (as: string): Promise<number> => (await call("GET", "/v1/status", as)).status;
const audit = async (act: string) => (await call("GET", `/v1/audit?act=${act}`, "admin")).body.entries;

test("an administrator makes them for others, and for longer than its own lasts when they may less", async () => {
  const viewer = await made({ role: "viewer", sub: "bob", lifetimeMs: 30 * 24 * HOUR });
  expect(await asks(viewer.token)).toBe(200);
  expect((await call("POST", "/v1/config/rollback", viewer.token, { version: 1, author: "b" })).status).toBe(403);
  expect(Math.round((viewer.expiresAtMs - Date.now()) / HOUR)).toBe(720);
  const owner = await made({ role: "owner", sub: "ci", owners: ["payments"], lifetimeMs: HOUR });
  expect(await asks(owner.token)).toBe(200);
  const { tokens } = (await call("GET", "/v1/tokens", viewer.token)).body;
  expect(tokens.map(({ sub }: { sub: string }) => sub)).toEqual(["ci", "bob"]);
  expect(tokens[0]).toMatchObject({ jti: owner.jti, role: "owner", owners: ["payments"], madeBy: "tester" });
  expect(JSON.stringify(tokens)).not.toContain(owner.token.split(".")[2]);
  const [entry] = await audit("token");
  expect(entry).toMatchObject({ by: "tester", role: "admin", detail: `${owner.jti}: owner of payments for ci` });
});

describe("none gives more than the one that it is made with", () => {
  test("an owner hands on its own owners, and reading", async () => {
    const both = await made({ role: "owner", sub: "lead", owners: ["payments", "orders"], lifetimeMs: HOUR });
    const one = await made({ role: "owner", sub: "ci", owners: ["orders"], lifetimeMs: HOUR / 2 }, both.token);
    const viewer = await made({ role: "viewer", sub: "intern" }, one.token);
    expect(viewer.expiresAtMs).toBe(one.expiresAtMs);
    expect(await asks(viewer.token)).toBe(200);
    expect((await make({ role: "viewer", sub: "x" }, viewer.token)).body.code).toBe("role_missing");
  });

  test.each<[string, object]>([
    ["an administrator", { role: "admin", sub: "x", lifetimeMs: 60_000 }],
    ["a gateway", { role: "gateway", sub: "x", lifetimeMs: 60_000 }],
    ["another owner", { role: "owner", sub: "x", owners: ["orders"], lifetimeMs: 60_000 }],
    ["one more owner", { role: "owner", sub: "x", owners: ["payments", "orders"], lifetimeMs: 60_000 }],
    ["a longer life", { role: "owner", sub: "x", owners: ["payments"], lifetimeMs: 2 * HOUR }],
    ["a longer life of a viewer", { role: "viewer", sub: "x", lifetimeMs: 2 * HOUR }],
  ])("an owner makes not %s", async (_name, request) => {
    const owner = await token({ role: "owner", owners: ["payments"], jti: `own-${_name.replaceAll(" ", "-")}` });
    const { status, body } = await make(request, owner);
    expect([status, body.code]).toEqual([403, "token_exceeds"]);
  });

  test("an administrator's administrators end with its own token", async () => {
    const { body } = await make({ role: "admin", sub: "x", lifetimeMs: 24 * HOUR });
    expect([body.code, body.detail]).toEqual([
      "token_exceeds",
      "a token of role admin does not outlive the one that it is made with",
    ]);
    await made({ role: "admin", sub: "x" });
  });

  test.each<[string, object, number, string]>([
    ["an agent", { role: "agent", sub: "x" }, 400, "bad_request"],
    ["the gateway's own administration", { role: "keys", sub: "x" }, 400, "bad_request"],
    ["nobody", { role: "viewer", sub: "" }, 400, "bad_request"],
    ["more than a year", { role: "viewer", sub: "x", lifetimeMs: 400 * 24 * HOUR }, 400, "bad_request"],
    ["an owner of nothing", { role: "owner", sub: "x", owners: [] }, 400, "bad_request"],
    ["an owner without owners", { role: "owner", sub: "x" }, 403, "token_exceeds"],
    ["a viewer with owners", { role: "viewer", sub: "x", owners: ["payments"] }, 403, "token_exceeds"],
    ["an owner that the document has not", { role: "owner", sub: "x", owners: ["paymnets"] }, 409, "owner_undeclared"],
  ])("nobody makes one of %s", async (_name, request, status, code) => {
    const answer = await make(request);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
  });
});

describe("a token that is revoked", () => {
  test("is refused at once, with all that was made with it", async () => {
    const admin = await made({ role: "admin", sub: "leaked" });
    const owner = await made({ role: "owner", sub: "ci", owners: ["orders"] }, admin.token);
    const viewer = await made({ role: "viewer", sub: "deep" }, owner.token);
    const other = await made({ role: "viewer", sub: "other" });
    const { status, body } = await call("DELETE", `/v1/tokens/${admin.jti}`, "admin");
    expect([status, body.revoked.map(({ sub }: { sub: string }) => sub)]).toEqual([200, ["leaked", "ci", "deep"]]);
    for (const leaked of [admin, owner, viewer]) {
      const answer = await call("GET", "/v1/status", leaked.token);
      expect([answer.status, answer.body.code]).toEqual([401, "credentials_invalid"]);
    }
    expect((await make({ role: "viewer", sub: "x" }, admin.token)).status).toBe(401);
    expect(await asks(other.token)).toBe(200);
    expect((await audit("token-revoke"))[0].detail).toBe(`${admin.jti}: admin for leaked, and 2 made with it`);
    expect((await audit("token-refused"))[0]).toMatchObject({
      by: expect.stringMatching(/leaked|ci|deep/),
      outcome: "refused",
      detail: expect.stringContaining("was revoked"),
    });
  });

  test("may be one that the control plane has not made", async () => {
    const made = await token({ role: "admin", jti: "made-by-hand", sub: "eve" });
    expect(await asks(made)).toBe(200);
    expect((await call("DELETE", "/v1/tokens/made-by-hand", "admin")).body.revoked).toMatchObject([
      { jti: "made-by-hand", role: "unknown" },
    ]);
    expect(await asks(made)).toBe(401);
    expect((await call("DELETE", "/v1/tokens/made-by-hand", "admin")).status).toBe(200);
  });

  test("by an owner is its own, or made with its own", async () => {
    const lead = await made({ role: "owner", sub: "lead", owners: ["orders"] });
    const mine = await made({ role: "viewer", sub: "mine" }, lead.token);
    const others = await made({ role: "viewer", sub: "others" });
    expect((await call("DELETE", `/v1/tokens/${others.jti}`, lead.token)).body.code).toBe("token_unknown");
    expect((await call("DELETE", "/v1/tokens/never-was", lead.token)).body.code).toBe("token_unknown");
    expect(await asks(others.token)).toBe(200);
    expect((await call("DELETE", `/v1/tokens/${mine.jti}`, lead.token)).status).toBe(200);
    expect((await call("DELETE", `/v1/tokens/${lead.jti}`, lead.token)).status).toBe(200);
    expect(await asks(lead.token)).toBe(401);
  });
});

test("tokens are not made through more hands than are followed", async () => {
  let last = await made({ role: "admin", sub: "hand-0" });
  for (let hand = 1; hand <= 8; hand++) last = await made({ role: "admin", sub: `hand-${hand}` }, last.token);
  expect((await make({ role: "admin", sub: "hand-9" }, last.token)).body.code).toBe("token_exceeds");
});

test("forged tokens are on record, as many as there is room for, and push nothing out", async () => {
  const forged = await token({ role: "admin", sub: "mallory\n{}" }, { secret: new Uint8Array(32) });
  for (let tried = 0; tried < 60; tried++) expect(await asks(forged)).toBe(401);
  const entries = await audit("token-refused");
  expect(entries.length).toBeLessThanOrEqual(21);
  expect(entries[0]).toMatchObject({ outcome: "refused", by: "", detail: "signature verification failed" });
  expect(JSON.stringify(entries)).not.toContain("mallory");
  await runInDurableObject(configStore(), (_object, { storage }) => {
    const [row] = storage.sql.exec("SELECT state FROM refusal_budgets WHERE act = 'token-refused'").toArray();
    expect(JSON.parse(String(row?.state)).meter.burst).toBe(20);
  });
});
