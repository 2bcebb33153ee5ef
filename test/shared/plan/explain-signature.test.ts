import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { loadDocument } from "../../../shared/config/load.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { explain } from "../../../shared/plan/explain.ts";
import type { Credential } from "../../../shared/plan/explain-step.ts";

const AT = 1_700_000_000;

function load(example: string) {
  const text = readFileSync(new URL(`../../../examples/${example}/selvage.yaml`, import.meta.url), "utf8");
  const { document, problems } = loadDocument(text, "f", () => undefined);
  if (document === undefined) throw new Error(JSON.stringify(problems));
  return compile(document);
}
const plans = { signatures: load("http-signatures"), webhooks: load("webhooks") };

function ask(
  of: keyof typeof plans,
  method: string,
  path: string,
  headers: Record<string, string>,
  credential: Credential = { kind: "none" },
) {
  const request = { method, host: "localhost", path, query: "", headers: Object.entries(headers), credential };
  const { steps, result } = explain(plans[of], request, AT * 1000);
  const auth = steps.find(({ stage }) => stage === "auth");
  return { result: result.outcome === "refuse" ? result.code : result.outcome, text: auth?.text ?? "" };
}

describe("a signed request", () => {
  const input = (more = "", covered = '"@method" "@authority" "@path" "@query"') => ({
    "signature-input": `sig1=(${covered});created=${AT};nonce="n1";keyid="partner-7-2026"${more}`,
    signature: "sig1=:AAAA:",
  });
  const post = (headers: Record<string, string>) => ask("signatures", "POST", "/orders/1", headers);
  const get = (headers: Record<string, string>) => ask("signatures", "GET", "/orders/1", headers);

  test("names its key's subject, and says what was not checked", () => {
    const { result, text } = get(input());
    expect(result).toBe("forward");
    expect(text).toContain(
      "partner-7 by partners (by what it says: the SIGNATURE, THE CONTENT AND ITS FIRST USE WERE NOT CHECKED)",
    );
  });

  test.each<[string, Record<string, string>, string]>([
    ["nothing", {}, "credentials_missing"],
    ["no input", { signature: "sig1=:AAAA:" }, "Signature-Input is missing"],
    ["no signature", { "signature-input": input()["signature-input"] }, "Signature is empty"],
    ["another label", { ...input(), signature: "sig2=:AAAA:" }, "Signature has no sig1"],
    ["malformed", { ...input(), "signature-input": "sig1=(" }, "is no dictionary"],
    ["expired", input(";expires=1"), "expired"],
    [
      "no nonce, of which each passes once",
      { ...input(), "signature-input": input()["signature-input"].replace(';nonce="n1"', "") },
      "nonce is missing",
    ],
    [
      "an unknown key",
      { ...input(), "signature-input": input()["signature-input"].replace("partner-7", "partner-9") },
      "no key of that keyid",
    ],
    ["another alg", input(';alg="rsa-pss-sha512"'), "alg is rsa-pss-sha512, but the key is of ed25519"],
    ["too little", input("", '"@method" "@authority" "@path"'), "@query is not covered"],
    ["a field that is not there", input("", '"@method" "@authority" "@path" "@query" "date"'), '"date" is missing'],
  ])("%s", (_, headers, expected) => {
    const { result, text } = get(headers);
    expect([result, text].join(" ")).toContain(expected);
    expect(result).not.toBe("forward");
  });

  test("content must be covered", () => {
    expect(post({ ...input(), "content-length": "5" }).text).toContain("content-digest is not covered");
    const covered = input("", '"@method" "@authority" "@path" "@query" "content-digest"');
    expect(post({ ...covered, "content-length": "5", "content-digest": "md5=:AAAA:" }).text).toContain(
      "neither sha-256 nor sha-512",
    );
    const digest = `sha-256=:${"A".repeat(43)}=:`;
    expect(post({ ...covered, "content-length": "5", "content-digest": digest }).result).toBe("forward");
  });

  test("of a published set, by its tag; one with another tag is nobody's", () => {
    const acme = {
      "signature-input": `sig1=("@method" "@target-uri" "content-type");created=${AT};keyid="x";tag="shop-orders"`,
      signature: "sig1=:AAAA:",
      "content-type": "text/plain",
    };
    expect(post(acme).text).toContain("acme by acme");
    const other = { ...acme, "signature-input": acme["signature-input"].replace("shop-orders", "other") };
    expect(post(other).result).toBe("credentials_missing");
  });

  test("somebody assumed", () => {
    const assumed = { kind: "assumed", sub: "partner-7", scopes: ["orders:read"] } as const;
    expect(ask("signatures", "GET", "/orders/1", {}, assumed)).toMatchObject({ result: "forward" });
    expect(ask("signatures", "POST", "/orders/1", {}, assumed)).toMatchObject({ result: "scope_missing" });
  });
});

describe("a webhook", () => {
  const signature = `v1,${"A".repeat(43)}=`;
  const good = { "webhook-id": "msg_1", "webhook-timestamp": String(AT), "webhook-signature": signature };
  const post = (headers: Record<string, string>, path = "/hooks/billing") => ask("webhooks", "POST", path, headers);

  test("is its sender's, by what it says", () => {
    const { result, text } = post(good);
    expect(result).toBe("forward");
    expect(text).toContain("billing by billing (by what it says: the SIGNATURE AND THE CONTENT WERE");
    expect(post({ "x-hub-signature-256": `sha256=${"0".repeat(64)}` }, "/hooks/github").result).toBe("forward");
  });

  test("is refused by its form and time", () => {
    expect(post({}).result).toBe("credentials_missing");
    expect(post({ ...good, "webhook-timestamp": String(AT - 301) }).text).toContain("the timestamp is too old");
    expect(post({ ...good, "webhook-signature": "v1,AAAA" }).text).toContain("webhook-signature is malformed");
    expect(post(good, "/hooks/slack").result).toBe("credentials_missing");
  });
});
