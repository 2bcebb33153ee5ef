import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  bodyDigestOf,
  type CoveredField,
  coveredFields,
  HOP_FIELDS,
  HOP_LABEL,
  hopParameters,
  hopSignatureText,
  isCoverable,
  readHopProof,
  refuseHopTime,
  speaksAsHop,
} from "../../../shared/auth/hop-proof.ts";
import { signatureBase } from "../../../shared/http/signature-base.ts";
import { readSignatureInputs } from "../../../shared/http/signature-fields.ts";
import { limits } from "../../../shared/limits.ts";

const nowMs = 1_800_000_000_000;
const isolate = "AAAABBBBCCCCDDDD";
const covered: CoveredField[] = [
  ["txn-token", "a.b.c"],
  ["traceparent", "00-1-2-01"],
  ["selvage-service", "orders"],
  ["selvage-plan", "7"],
  ["selvage-deadline-ms", "4999"],
];
const parameters = hopParameters(isolate, 12, "h1", nowMs);
const text = hopSignatureText("GET", "/orders/1?x=%20", covered, parameters);
const input = `selvage=${text.parameters}`;
const signature = `selvage=:${"A".repeat(43)}=:`;

test("the signature base is that of RFC 9421 section 2.5", () => {
  expect(text.base).toBe(
    [
      '"@method": GET',
      '"@request-target": /orders/1?x=%20',
      '"txn-token": a.b.c',
      '"traceparent": 00-1-2-01',
      '"selvage-service": orders',
      '"selvage-plan": 7',
      '"selvage-deadline-ms": 4999',
      '"@signature-params": ("@method" "@request-target" "txn-token" "traceparent" "selvage-service" "selvage-plan" "selvage-deadline-ms");created=1800000000;expires=1800000010;nonce="AAAABBBBCCCCDDDD.12";keyid="h1";tag="selvage-hop"',
    ].join("\n"),
  );
});

test("a proof is read back as it was written, what the client said stands behind it", () => {
  const proof = readHopProof(`${input}, sig1=("@path");created=1, other=()`, `${signature}, sig1=:AAAA:`);
  expect(proof).toEqual({
    ...parameters,
    covered: covered.map(([name]) => name),
    signature: `${"A".repeat(43)}=`,
    clientInput: 'sig1=("@path");created=1, other=()',
    clientSignature: "sig1=:AAAA:",
  });
});

test("what the client said may be longer than a proof", () => {
  const clientInput = `sig1=("${"a".repeat(limits.hopProof.inputCharsMax)}")`;
  expect(readHopProof(`${input}, ${clientInput}`, signature)).toMatchObject({ clientInput });
});

test("every name that a field can have can be covered", () => {
  const name = "x!#$%&'*+.^_`|~-0";
  const { parameters: long } = hopSignatureText("GET", "/", [...covered, [name, "1"]], parameters);
  expect(readHopProof(`selvage=${long}`, signature)).toMatchObject({ covered: [...HOP_FIELDS, name] });
});

describe("is no proof:", () => {
  const cases: Record<string, [input: string, signature: string]> = {
    nothing: ["", ""],
    "another label": [input.replace("selvage=", "other="), signature],
    "a proof that is not the first": [`sig1=("@path"), ${input}`, signature],
    "a signature that is not the first": [input, `sig1=:AAAA:, ${signature}`],
    "without the method": [input.replace('"@method" ', ""), signature],
    "without the target": [input.replace('"@request-target" ', ""), signature],
    "with the path in place of the target": [input.replace("@request-target", "@path"), signature],
    "covering nothing else": [
      'selvage=("@method" "@request-target");created=1;expires=2;nonce="AAAABBBBCCCCDDDD.1";keyid="h";tag="selvage-hop"',
      signature,
    ],
    "component parameters": [input.replace('"txn-token"', '"txn-token";bs'), signature],
    "another tag": [input.replace("selvage-hop", "app"), signature],
    "without a tag": [input.replace(';tag="selvage-hop"', ""), signature],
    "without a nonce": [input.replace(/;nonce="[^"]+"/, ""), signature],
    "without an end": [input.replace(/;expires=\d+/, ""), signature],
    "a negative time": [input.replace("created=1800000000", "created=-1"), signature],
    "an algorithm of its own": [`${input};alg="none"`, signature],
    "a field twice": [input.replace('"traceparent"', '"txn-token"'), signature],
    "upper case": [input.replace('"txn-token"', '"Txn-Token"'), signature],
    "a line break": [input.replace("orders", "orders").replace('"traceparent"', '"trace\nparent"'), signature],
    "a short MAC": [input, "selvage=:AAAA:"],
    "a MAC in base64url": [input, `selvage=:${"_".repeat(43)}=:`],
    "too long": [input.replace('"traceparent"', `"x${"a".repeat(limits.hopProof.inputCharsMax)}"`), signature],
    "too many fields": [
      input.replace('"traceparent"', Array.from({ length: 65 }, (_, n) => `"x-${n}"`).join(" ")),
      signature,
    ],
  };
  test.each(Object.entries(cases))("%s", (_name, [badInput, badSignature]) => {
    expect(readHopProof(badInput, badSignature)).toBeTypeOf("string");
  });
});

describe("what must be covered", () => {
  const values: Record<string, string> = Object.fromEntries(covered);
  const valueIn = (name: string): string | undefined => values[name];

  test("is covered with its values", () => {
    expect(coveredFields(HOP_FIELDS, valueIn)).toEqual(covered);
  });

  test.each(HOP_FIELDS)("%s always", (name) => {
    expect(
      coveredFields(
        HOP_FIELDS.filter((one) => one !== name),
        valueIn,
      ),
    ).toContain("does not cover");
    expect(coveredFields(HOP_FIELDS, (one) => (one === name ? undefined : valueIn(one)))).toContain("not there");
  });

  test.each(["forwarded", "content-type", "content-digest", "selvage-body", "authorization"])(
    "%s where it is there",
    (name) => {
      const withIt = (one: string): string | undefined => (one === name ? "x" : valueIn(one));
      expect(coveredFields(HOP_FIELDS, withIt)).toBe(`it does not cover ${name}, which is there`);
      expect(coveredFields([...HOP_FIELDS, name], withIt)).toEqual([...covered, [name, "x"]]);
    },
  );

  test("more may be", () => {
    expect(coveredFields([...HOP_FIELDS, "x-user"], (name) => (name === "x-user" ? "7" : valueIn(name)))).toHaveLength(
      6,
    );
    expect(coveredFields([...HOP_FIELDS, "x-user"], valueIn)).toContain("x-user, which is not there");
  });
});

test("a proof is good for a short time", () => {
  const { lifetimeMs, clockSkewMs } = limits.hopProof;
  expect(refuseHopTime(parameters, nowMs)).toBeUndefined();
  expect(refuseHopTime(parameters, nowMs + lifetimeMs + clockSkewMs)).toBeUndefined();
  expect(refuseHopTime(parameters, nowMs + lifetimeMs + clockSkewMs + 1)).toContain("expired");
  expect(refuseHopTime(parameters, nowMs - clockSkewMs)).toBeUndefined();
  expect(refuseHopTime(parameters, nowMs - clockSkewMs - 1)).toContain("future");
  expect(refuseHopTime({ ...parameters, expires: parameters.expires + 1 }, nowMs)).toContain("longer than allowed");
});

test("a client that speaks under the proof's label is noticed", () => {
  for (const field of ["selvage=()", 'a=("x"), selvage=()', "a=(),selvage =()", "SELVAGE=:AA:"])
    expect(speaksAsHop(field)).toBe(true);
  for (const field of ["sig1=()", 'keyId="a",algorithm="b"', "notselvage=()"]) expect(speaksAsHop(field)).toBe(false);
});

test("digests that bind a body", () => {
  const sha256 = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
  const sha512 = `${"A".repeat(86)}==`;
  expect(bodyDigestOf(`sha-256=:${sha256}:`)).toEqual({ algorithm: "sha-256", value: sha256 });
  expect(bodyDigestOf(`sha-256=:${sha256}:, sha-512=:${sha512}:`)).toEqual({ algorithm: "sha-512", value: sha512 });
  expect(bodyDigestOf(`md5=:AAAA:,sha-256=:${sha256}:`)).toEqual({ algorithm: "sha-256", value: sha256 });
  const none = ["", "md5=:AAAA:", "sha-256=:AAAA:", `sha-256=${sha256}`, `xsha-256=:${sha256}:`];
  for (const field of [...none, `sha-256=:${sha256}:, sha-256=:${sha256}:`])
    expect(bodyDigestOf(field)).toBeUndefined();
});

test("whatever stands in the fields, reading ends and never believes what was not written", () => {
  const field = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.stringMatching(/^selvage=\(("@method"|"@request-target"|"[a-z-]+"| )*\);created=\d{1,3}.*$/),
    fc.string().map((noise) => `${input}${noise}`),
  );
  fc.assert(
    fc.property(field, fc.oneof(fc.string(), fc.constant(signature)), (anyInput, anySignature) => {
      const read = readHopProof(anyInput, anySignature);
      if (typeof read === "string") return;
      expect(anyInput.startsWith("selvage=(")).toBe(true);
      const values: CoveredField[] = read.covered.map((name) => [name, "v"]);
      const { parameters: again } = hopSignatureText("GET", "/", values, read);
      expect(anyInput.startsWith(`selvage=${again}`)).toBe(true);
    }),
    { numRuns: 2_000 },
  );
});

test("only ASCII can be covered", () => {
  expect(isCoverable("Bearer a~\tb")).toBe(true);
  for (const value of ["\u00e9", "a\nb", "\u0000", "\u007f"]) expect(isCoverable(value)).toBe(false);
});

test("readers of any HTTP message signature make the same base of it", () => {
  const token = fc.stringMatching(/^[\w-]{1,20}\.[\w-]{1,20}\.[\w-]{1,20}$/);
  const value = fc.stringMatching(/^[!-~]([ -~]{0,30}[!-~])?$/);
  const more = fc.uniqueArray(
    fc.constantFrom("forwarded", "content-type", "content-digest", "authorization", "x-user"),
  );
  fc.assert(
    fc.property(token, fc.array(value, { minLength: 9, maxLength: 9 }), more, fc.nat(), (txn, values, names, count) => {
      const all = [...HOP_FIELDS, ...names];
      const fields = all.map((name, at): CoveredField => [name, name === "txn-token" ? txn : (values[at] ?? "v")]);
      const made = hopSignatureText("POST", "/a/%7B?b=c", fields, hopParameters(isolate, count, "h-_1", nowMs));
      const inputs = readSignatureInputs(`selvage=${made.parameters}`);
      if (typeof inputs === "string") throw new Error(inputs);
      const read = inputs.get(HOP_LABEL);
      if (read === undefined) throw new Error("no such label");
      const { created, expires, keyid, tag, nonce } = read;
      expect({ created, expires, keyid, tag, nonce }).toEqual({
        created: nowMs / 1000,
        expires: nowMs / 1000 + 10,
        keyid: "h-_1",
        tag: "selvage-hop",
        nonce: `${isolate}.${count}`,
      });
      const known = new Map(fields);
      const lines = (name: string): string[] | undefined => known.get(name)?.split("\0");
      const message = { method: "POST", scheme: "http", authority: "a", path: "/a/%7B", query: "?b=c", lines } as const;
      expect(signatureBase(read, message)).toEqual({ base: made.base });
    }),
  );
});
