/**
 * Signs requests as of RFC 9421 with an Ed25519 key, by what Node brings along.
 *
 *   node sign.ts key FILE                          makes a key, prints the `x` of its JWK
 *   node sign.ts call FILE KEYID METHOD URL [BODY] sends a signed request, prints the answer
 */
import { createHash, createPrivateKey, generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";

const [command, file = "", keyid = "", method = "GET", url = "", body] = process.argv.slice(2);

if (command === "key") {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  writeFileSync(file, privateKey.export({ format: "pem", type: "pkcs8" }), { mode: 0o600, flag: "wx" });
  console.log(publicKey.export({ format: "jwk" }).x);
} else if (command === "call") {
  const headers = signedHeaders();
  const answer = await fetch(url, { method, headers, ...(body !== undefined && { body }) });
  console.log(answer.status, await answer.text());
} else {
  console.error("usage: sign.ts key FILE | sign.ts call FILE KEYID METHOD URL [BODY]");
  process.exitCode = 2;
}

function signedHeaders(): Record<string, string> {
  const { host, pathname, search } = new URL(url);
  const headers: Record<string, string> = {};
  const components: [name: string, value: string][] = [
    ["@method", method],
    ["@authority", host],
    ["@path", pathname],
    ["@query", search === "" ? "?" : search],
  ];
  if (body !== undefined) {
    headers["content-digest"] = `sha-256=:${createHash("sha256").update(body).digest("base64")}:`;
    components.push(["content-digest", headers["content-digest"]]);
  }
  const created = Math.floor(Date.now() / 1000);
  const names = components.map(([name]) => `"${name}"`).join(" ");
  const params = `(${names});created=${created};nonce="${randomUUID()}";keyid="${keyid}"`;
  const base = [...components, ["@signature-params", params]].map(([name, value]) => `"${name}": ${value}`).join("\n");
  const signature = sign(null, Buffer.from(base), createPrivateKey(readFileSync(file))).toString("base64");
  headers["signature-input"] = `sig1=${params}`;
  headers.signature = `sig1=:${signature}:`;
  return headers;
}
