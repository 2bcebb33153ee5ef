/** What the gateway proves to the ingress: checked as the ingress does. */
import { base64url } from "jose";
import { afterEach, describe, expect, test, vi } from "vitest";
import { coveredFields, hopSignatureText, type ReceivedProof, readHopProof } from "../../../shared/auth/hop-proof.ts";
import { limits } from "../../../shared/limits.ts";
import type { HopKey } from "../../../shared/wire/hop-key.ts";
import { HopSigner } from "../../../workers/gateway/authority/hop-signer.ts";
import { type Gateway, newHopKey, startGateway } from "./support/gateway.ts";
import { part, plan, route } from "./support/plans.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const shop = plan([
  route("orders", "/orders/*"),
  route("origin", "/origin", { target: { kind: "forward", to: { origin: "http://origin.example" } } }),
  route("page", "/page", { target: { kind: "aggregate", parts: [part("a", ["/a"]), part("b", ["/b"])] } }),
]);

const start = (): Promise<Gateway> => startGateway(shop, () => Response.json({}));

/** @throws Error when the proof is not one over this request */
async function check(request: Request, { key }: HopKey): Promise<ReceivedProof> {
  const { method, headers, url } = request;
  const proof = readHopProof(headers.get("signature-input") ?? "", headers.get("signature") ?? "");
  if (typeof proof === "string") throw new Error(proof);
  const covered = coveredFields(proof.covered, (name) => headers.get(name) ?? undefined);
  if (typeof covered === "string") throw new Error(covered);
  const target = url.slice(new URL(url).origin.length);
  const { base } = hopSignatureText(method, target, covered, proof);
  const hmac = { name: "HMAC", hash: "SHA-256" };
  const imported = await crypto.subtle.importKey("raw", base64url.decode(key), hmac, false, ["verify"]);
  const mac = Uint8Array.from(atob(proof.signature), (character) => character.charCodeAt(0));
  if (!(await crypto.subtle.verify("HMAC", imported, mac, new TextEncoder().encode(base))))
    throw new Error("it is not over this request");
  return proof;
}

async function proofOf(gateway: Gateway): Promise<ReceivedProof> {
  const request = gateway.sent.at(-1);
  if (request === undefined || gateway.control.hopKey === undefined) throw new Error("nothing was sent");
  return check(request, gateway.control.hopKey);
}

const bare = {
  method: "POST",
  target: "/a",
  txnToken: "a.b.c",
  traceparent: "00-1-2-01",
  service: "orders",
  planVersion: "1",
  deadline: "5000",
};

const ALWAYS = ["txn-token", "traceparent", "selvage-service", "selvage-plan", "selvage-deadline-ms", "forwarded"];

describe("a request to the mesh", () => {
  test("carries a proof over all that the ingress believes", async () => {
    const gateway = await start();
    await gateway.fetch("/orders/1?x=1&y=%20");
    const proof = await proofOf(gateway);
    expect(proof.covered).toEqual(ALWAYS);
    expect(proof).toMatchObject({ kid: "hop-1", count: 1, clientInput: "", clientSignature: "" });
    expect(proof.expires - proof.created).toBe(limits.hopProof.lifetimeMs / 1000);
    expect(Math.abs(proof.created * 1000 - Date.now())).toBeLessThan(60_000);
    await gateway.fetch("/orders/1");
    expect(await proofOf(gateway)).toMatchObject({ isolate: proof.isolate, count: 2 });
    gateway.restart();
    await gateway.fetch("/orders/1");
    expect((await proofOf(gateway)).isolate).not.toBe(proof.isolate);
  });

  test.each(["/orders/a|b", '/orders/a"b', "/orders/a^b{c}", "/orders/%7B%7D?x=%27'", "/orders/a?x=[1]&y={2}&z='"])(
    "of the target %s is proven as it leaves",
    async (target) => {
      const gateway = await start();
      expect((await gateway.fetch(target)).status).toBe(200);
      await proofOf(gateway);
    },
  );

  test("with the client's own credentials and type of content covers those", async () => {
    const gateway = await start();
    const headers = { authorization: "Bearer own", "content-type": "text/plain", "x-other": "1" };
    await gateway.fetch("/orders/1", { method: "POST", body: "hello", headers });
    const { covered } = await proofOf(gateway);
    expect(covered).toEqual([...ALWAYS, "content-type", "selvage-body", "authorization"]);
    expect(gateway.sent.at(-1)?.headers.get("selvage-body")).toBe("stream");
  });

  test("whose body has a digest is bound to that", async () => {
    const gateway = await start();
    const digest = "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:";
    await gateway.fetch("/orders/1", { method: "POST", body: "hello", headers: { "content-digest": digest } });
    expect((await proofOf(gateway)).covered).toEqual([...ALWAYS, "content-type", "content-digest"]);
    await gateway.fetch("/orders/1", { method: "POST", body: "hello", headers: { "content-digest": "md5=:AAAA:" } });
    expect((await proofOf(gateway)).covered).toContain("selvage-body");
  });

  test("whose digest cannot be covered says that the body is bound by nothing", async () => {
    const signer = await HopSigner.import(newHopKey("hop-1"));
    const fields = new Headers({
      "content-digest": "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:, x=\u00e9",
    });
    await signer.sign({ ...bare, body: new TextEncoder().encode("hello") }, fields, [], Date.now());
    expect(fields.get("selvage-body")).toBe("stream");
    expect(fields.get("signature-input")).toMatch(/"selvage-body"\);created/);
  });

  test.each([
    ["empty ones", { "signature-input": "", signature: "" }],
    ["one empty one", { "signature-input": "", signature: "sig1=:AAAA:" }],
    ["long ones", { "signature-input": `sig1=("${"a".repeat(9_000)}")`, signature: `sig1=:${"A".repeat(9_000)}:` }],
  ])("is proven whatever signature fields the client sends: %s", async (_name, client) => {
    const gateway = await start();
    await gateway.fetch("/orders/1", { headers: client });
    const { headers } = gateway.sent.at(-1) as Request;
    for (const name of ["signature-input", "signature"]) expect(headers.get(name)).not.toMatch(/,\s*$/);
    expect(await proofOf(gateway)).toMatchObject({
      clientInput: client["signature-input"],
      clientSignature: client.signature,
    });
  });

  test("of an aggregate is proven by itself", async () => {
    const gateway = await start();
    await gateway.fetch("/page");
    const { hopKey } = gateway.control;
    if (hopKey === undefined) throw new Error("no key");
    const counts = await Promise.all(gateway.sent.map(async (request) => (await check(request, hopKey)).count));
    expect(counts.sort()).toEqual([1, 2]);
  });

  test("keeps the client's own signatures behind the proof, but none under its label", async () => {
    const gateway = await start();
    const client = { "signature-input": 'sig1=("@path");created=1', signature: "sig1=:AAAA:" };
    await gateway.fetch("/orders/1", { headers: client });
    expect(await proofOf(gateway)).toMatchObject({
      clientInput: client["signature-input"],
      clientSignature: client.signature,
    });
    const old = { signature: 'keyId="a",algorithm="hs2019",signature="AAAA"' };
    await gateway.fetch("/orders/1", { headers: old });
    expect(await proofOf(gateway)).toMatchObject({ clientInput: "", clientSignature: old.signature });
    await gateway.fetch("/orders/1", { headers: { ...client, "signature-input": 'selvage=("@path");created=1' } });
    expect(await proofOf(gateway)).toMatchObject({ clientInput: "", clientSignature: "" });
  });

  test("follows a new key", async () => {
    const gateway = await start();
    await gateway.fetch("/orders/1");
    gateway.control.hopKey = newHopKey("hop-2");
    const later = Date.now() + limits.gateway.planLeaseMs;
    vi.spyOn(Date, "now").mockImplementation(() => later);
    await gateway.fetch("/orders/1");
    expect((await proofOf(gateway)).kid).toBe("hop-2");
  });

  test("without a key is not sent", async () => {
    const gateway = await start();
    gateway.control.hopKey = undefined;
    const response = await gateway.fetch("/orders/1");
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([503, "plan_missing"]);
    expect(gateway.logs.at(-1)).toMatchObject({ reason: "no hop key for the mesh yet" });
    expect(gateway.sent).toEqual([]);
  });
});

test("a request to an origin carries none, and the client's signatures as they are", async () => {
  const gateway = await start();
  await gateway.fetch("/origin", { headers: { signature: "sig1=:AAAA:", "signature-input": "sig1=()" } });
  const { headers } = gateway.sent.at(-1) as Request;
  expect([headers.get("signature"), headers.get("signature-input")]).toEqual(["sig1=:AAAA:", "sig1=()"]);
  expect([...headers.keys()].filter((name) => name.startsWith("selvage-"))).toEqual([]);
});

test("a body that is held is bound by its digest, what is told of an identity as it is; a text longer than the buffer is signed whole", async () => {
  const hopKey = newHopKey("hop-1");
  const signer = await HopSigner.import(hopKey);
  const fields = new Headers({ authorization: `Bearer ${"a".repeat(20_000)}`, "x-user": "alice" });
  const request = { ...bare, body: new TextEncoder().encode("hello") };
  await signer.sign(request, fields, ["x-user", "x-tenant"], Date.now());
  expect(fields.get("content-digest")).toBe("sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:");
  const { covered } = await check(new Request("http://ingress/a", { method: "POST", headers: fields }), hopKey);
  expect(covered).toEqual([...ALWAYS.slice(0, 5), "content-digest", "authorization", "x-user"]);
});
