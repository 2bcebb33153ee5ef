/** The example of DPoP with its own client, and replays over many connections, on plain workerd as `selvage serve` runs it. */
import { createHash, randomUUID } from "node:crypto";
import { Agent, request } from "node:http";
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Served, serveDocument } from "../support/serve.ts";
import { run } from "../support/system.ts";

const SECRET = "0123456789abcdef0123456789abcdef";
let served: Served;

beforeAll(async () => {
  served = await serveDocument("examples/dpop/selvage.yaml", { SECRET_LOGIN_JWT: SECRET });
});
afterAll(() => served.stop());

test("the example's client", async () => {
  const { stdout, stderr } = await run(process.execPath, ["examples/dpop/client.ts", `${served.url}/orders/1?x=1`], {
    SECRET_LOGIN_JWT: SECRET,
  });
  expect(stderr).toBe("");
  expect(stdout.trim().split("\n")).toEqual([
    "without a nonce: 401 use_dpop_nonce",
    "with the nonce of that answer: 200",
    "the same proof again: 401 invalid_dpop_proof",
    "the token alone: 401 invalid_dpop_proof",
    "the token as Bearer: 401 invalid_token",
    "a proof for another method: 401 invalid_dpop_proof",
  ]);
  expect(served.seen.length).toBe(1);
  expect(served.seen[0]).not.toHaveProperty("dpop");
  expect(served.seen[0]).not.toHaveProperty("authorization");
});

/** Each on a connection of its own. */
function get(url: string, headers: Record<string, string>): Promise<{ status: number; nonce: string | undefined }> {
  return new Promise((done, fail) => {
    const sent = request(url, { headers, agent: new Agent({ keepAlive: false }) }, (response) => {
      response.resume();
      response.on("end", () => {
        const nonce = response.headers["dpop-nonce"];
        done({ status: response.statusCode ?? 0, nonce: typeof nonce === "string" ? nonce : undefined });
      });
    });
    sent.on("error", fail);
    sent.end();
  });
}

test("of equal proofs that come at once over many connections exactly one passes", async () => {
  const { privateKey, publicKey } = await generateKeyPair("ES256");
  const jwk = await exportJWK(publicKey);
  const claims = { scope: "orders:read", cnf: { jkt: await calculateJwkThumbprint(jwk) } };
  const token = await new SignJWT(claims)
    .setProtectedHeader({ alg: "HS256" })
    .setIssuer("https://login.example.com/")
    .setAudience("orders")
    .setSubject("ann")
    .setExpirationTime("5m")
    .sign(new TextEncoder().encode(SECRET));
  const url = `${served.url}/orders/1`;
  const ath = createHash("sha256").update(token).digest("base64url");
  const prove = (nonce?: string) =>
    new SignJWT({ jti: randomUUID(), htm: "GET", htu: url, ath, ...(nonce !== undefined && { nonce }) })
      .setProtectedHeader({ typ: "dpop+jwt", alg: "ES256", jwk })
      .setIssuedAt()
      .sign(privateKey);
  const authorization = `DPoP ${token}`;
  let { nonce } = await get(url, { authorization, dpop: await prove() });
  expect(nonce).toBeDefined();
  for (let round = 0; round < 5; round++) {
    const dpop = await prove(nonce);
    const answers = await Promise.all(Array.from({ length: 40 }, () => get(url, { authorization, dpop })));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...new Array(39).fill(401)]);
    nonce = answers.find((answer) => answer.nonce !== undefined)?.nonce ?? nonce;
  }
});
