import { describe, expect, test } from "vitest";
import { refuseGrant, type TokenRights } from "../../../shared/policy/token-grant.ts";

const admin: TokenRights = { role: "admin", expiresAtMs: 100 };
const owner: TokenRights = { role: "owner", owners: ["a", "b"], expiresAtMs: 100 };

describe("is made", () => {
  test.each<[TokenRights, TokenRights]>([
    [admin, { role: "admin", expiresAtMs: 100 }],
    [admin, { role: "gateway", expiresAtMs: 9000 }],
    [admin, { role: "viewer", expiresAtMs: 9000 }],
    [admin, { role: "owner", owners: ["z"], expiresAtMs: 9000 }],
    [owner, { role: "owner", owners: ["b"], expiresAtMs: 100 }],
    [owner, { role: "viewer", expiresAtMs: 50 }],
  ])("with %j: %j", (maker, asked) => expect(refuseGrant(maker, asked)).toBeUndefined());
});

describe("is not made", () => {
  test.each<[TokenRights, TokenRights, string]>([
    [admin, { role: "admin", expiresAtMs: 101 }, "outlive"],
    [admin, { role: "agent", expiresAtMs: 50 }, "makes none"],
    [admin, { role: "owner", expiresAtMs: 50 }, "names its owners"],
    [admin, { role: "viewer", owners: ["a"], expiresAtMs: 50 }, "has no owners"],
    [owner, { role: "owner", owners: ["a", "c"], expiresAtMs: 50 }, "act for c"],
    [owner, { role: "owner", owners: ["a"], expiresAtMs: 101 }, "outlive"],
    [owner, { role: "viewer", expiresAtMs: 101 }, "outlive"],
    [owner, { role: "admin", expiresAtMs: 50 }, "makes none"],
    [{ role: "viewer", expiresAtMs: 100 }, { role: "viewer", expiresAtMs: 50 }, "makes none"],
    [{ role: "gateway", expiresAtMs: 100 }, { role: "gateway", expiresAtMs: 50 }, "makes none"],
    [{ role: "constructor", expiresAtMs: 100 }, { role: "viewer", expiresAtMs: 50 }, "makes none"],
  ])("with %j: %j", (maker, asked, words) => expect(refuseGrant(maker, asked)).toContain(words));
});
