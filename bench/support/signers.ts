/** Clients that sign: the same signature is good for a while, so that a load can send it again and again. */
import { generateKeyPairSync, sign } from "node:crypto";

type Headers = Readonly<Record<string, string>>;

/** One who signs GET requests (RFC 9421) as `keyid` bench. */
export function newSigner(): { readonly jwk: object; headers(authority: string, path: string): Headers } {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  return {
    jwk: publicKey.export({ format: "jwk" }),
    headers: (authority, path) => {
      const created = Math.floor(Date.now() / 1000);
      const params = `("@method" "@authority" "@path" "@query");created=${created};keyid="bench"`;
      const lines = [
        "@method: GET",
        `@authority: ${authority}`,
        `@path: ${path}`,
        "@query: ?",
        `@signature-params: ${params}`,
      ];
      const base = lines.map((line) => line.replace(/^[^:]+/, '"$&"')).join("\n");
      const signature = sign(null, Buffer.from(base), privateKey).toString("base64");
      return { "signature-input": `sig1=${params}`, signature: `sig1=:${signature}:` };
    },
  };
}

/** One who sends Standard Webhooks without content. */
export function newWebhookKey(): { readonly publicKey: string; headers(): Headers } {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const x = Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url");
  return {
    publicKey: `whpk_${x.toString("base64")}`,
    headers: () => {
      const timestamp = String(Math.floor(Date.now() / 1000));
      const signature = sign(null, Buffer.from(`msg_bench.${timestamp}.`), privateKey).toString("base64");
      return { "webhook-id": "msg_bench", "webhook-timestamp": timestamp, "webhook-signature": `v1a,${signature}` };
    },
  };
}
