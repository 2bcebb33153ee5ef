import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { AgentIdentity } from "../../mesh-agent/tls/identity.ts";
import { needsJoinToken } from "../../scripts/support/agent-credentials.ts";
import { makeAuthority, type TestLeaf } from "../support/certificates.ts";

const CONTROL = "http://127.0.0.1:8788";
const END = new Date("2026-11-21T00:00:00Z");
const END_MS = END.getTime();
const MINUTE_MS = 60_000;

let folder: string;
let file: string;
let leaf: TestLeaf;
let root: string;

beforeAll(async () => {
  const authority = await makeAuthority("shop.internal");
  root = authority.rootPem;
  leaf = await authority.issue("orders", { notAfter: END });
});
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "selvage-agent-"));
  file = path.join(folder, "identity.json");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(changes: Partial<AgentIdentity> = {}): void {
  const identity: AgentIdentity = {
    format: 1,
    controlUrl: CONTROL,
    rootFingerprint: "0".repeat(64),
    instance: "orders-1",
    service: "orders",
    trustDomain: "shop.internal",
    token: "t",
    privateKey: leaf.keyPem,
    certificates: [leaf.certPem],
    roots: [root],
    ...changes,
  };
  writeFileSync(file, JSON.stringify(identity));
}

test("an agent without an identity needs a token", () => {
  expect(needsJoinToken(folder, CONTROL, 0)).toBe(true);
});

test("an agent whose certificate goes on needs none", () => {
  write();
  expect(needsJoinToken(folder, CONTROL, END_MS - 6 * MINUTE_MS)).toBe(false);
  expect(existsSync(file)).toBe(true);
});

test.each([
  ["has ended", {}, END_MS + 1],
  ["is about to end", {}, END_MS - 4 * MINUTE_MS],
  ["is of another control plane", { controlUrl: "http://127.0.0.1:9999" }, END_MS - 60 * MINUTE_MS],
  ["cannot be read", { certificates: ["nonsense"] }, END_MS - 60 * MINUTE_MS],
])("an identity that %s is removed", (_, changes, nowMs) => {
  write(changes);
  expect(needsJoinToken(folder, CONTROL, nowMs)).toBe(true);
  expect(existsSync(file)).toBe(false);
});
