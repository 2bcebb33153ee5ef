/** A small issuer of workload tokens: `node issuer.ts FOLDER` writes one for each workload, anew each minute, and publishes its key. */
import { generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";

const ISSUER = "http://127.0.0.1:9002";
const AUDIENCE = "selvage.joining.internal";
const WORKLOADS = ["orders", "inventory"];
const [folder = "."] = process.argv.slice(2);

const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const kid = randomUUID();
const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

function token(workload: string): string {
  const iat = Math.floor(Date.now() / 1000);
  const claims = { iss: ISSUER, aud: AUDIENCE, sub: `workload:${workload}`, iat, exp: iat + 300, jti: randomUUID() };
  const signed = `${part({ alg: "ES256", kid, typ: "JWT" })}.${part(claims)}`;
  return `${signed}.${sign("sha256", Buffer.from(signed), { key: privateKey, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
}

function write(): void {
  for (const workload of WORKLOADS) {
    const path = join(folder, `${workload}.token`);
    writeFileSync(`${path}.new`, token(workload), { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }
}

const jwk = { ...publicKey.export({ format: "jwk" }), kid, alg: "ES256", use: "sig" };
createServer(({ url }, response) => {
  const found = url === "/keys" ? { keys: [jwk] } : { issuer: ISSUER, jwks_uri: `${ISSUER}/keys` };
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(found));
}).listen(9002, "127.0.0.1", () => {
  write();
  setInterval(write, 60_000);
  console.log(`tokens of ${WORKLOADS.join(" and ")} are in ${folder}`);
});
