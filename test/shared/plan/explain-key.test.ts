import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { KeyRecord } from "../../../shared/auth/api-key.ts";
import { keyOf } from "../../../shared/auth/key-form.ts";
import { loadDocument } from "../../../shared/config/load.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { explain } from "../../../shared/plan/explain.ts";
import type { Credential } from "../../../shared/plan/explain-step.ts";

const text = readFileSync(new URL("../../../examples/api-keys/selvage.yaml", import.meta.url), "utf8");
const { document, problems } = loadDocument(text, "f", () => undefined);
const KEY = keyOf("slv", new Uint8Array(48)) ?? "";
const record: KeyRecord = {
  id: "0123456789abcdef",
  prefix: "slv",
  start: "slv_0000",
  owner: "partner",
  scopes: ["orders:read"],
  groups: [],
  createdAtMs: 1,
};

function ask(path: string, headers: Record<string, string>, credential: Credential = { kind: "none" }) {
  if (document === undefined) throw new Error(JSON.stringify(problems));
  const request = { method: "GET", host: "localhost", path, query: "", headers: Object.entries(headers), credential };
  const { steps, result } = explain(compile(document), request, 1000);
  return { result: result.outcome, auth: steps.filter(({ stage }) => stage === "auth" || stage === "scopes") };
}

test("the example is valid and has no warnings", () => {
  expect(problems).toEqual([]);
});

describe("a key in the request", () => {
  test("of the right form: says what was not looked up", () => {
    const { result, auth } = ask("/orders/1", { "x-api-key": KEY });
    expect(result).toBe("forward");
    expect(auth.map(({ stage, verdict }) => `${stage} ${verdict}`)).toEqual(["auth pass", "scopes pass"]);
    expect(auth[0]?.text).toContain("owner of slv_0000... by partners (its form only: the key WAS NOT LOOKED UP");
    expect(JSON.stringify(auth)).not.toContain(KEY);
  });
  test("of a wrong form is refused", () => {
    expect(ask("/orders/1", { "x-api-key": `${KEY.slice(0, -1)}~` }).auth[0]).toMatchObject({
      verdict: "deny",
      code: "credentials_invalid",
    });
  });
  test("at another place than the provider's is none", () => {
    expect(ask("/reports/1", { "x-api-key": KEY }).auth[0]?.code).toBe("credentials_missing");
  });
});

describe("a key that was looked up", () => {
  const of = (more: Partial<KeyRecord>, path = "/orders/1") =>
    ask(path, {}, { kind: "key", record: { ...record, ...more } }).auth.map(({ verdict, code }) => code ?? verdict);
  test("is judged like a real one", () => {
    expect(of({})).toEqual(["pass", "pass"]);
    expect(of({ scopes: [] })).toEqual(["pass", "scope_missing"]);
    expect(of({ revokedAtMs: 5 })).toEqual(["credentials_invalid"]);
    expect(of({ expiresAtMs: 1000 })).toEqual(["credentials_invalid"]);
    expect(of({ prefix: "other" })).toEqual(["credentials_invalid"]);
    expect(of({}, "/reports/1")).toEqual(["credentials_invalid"]);
  });
});
