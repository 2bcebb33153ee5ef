/** A join by an SVID as an agent makes it, to be made wrong in every way. */
import { createPrivateKey, sign } from "node:crypto";
import { joinInput } from "../../shared/wire/joining.ts";
import { derOf } from "./workload-api-server.ts";

export const postTo = (url: string, path: string, body: object, token?: string): Promise<Response> =>
  fetch(url + path, {
    method: "POST",
    body: JSON.stringify(body),
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  });

/** @param certificates DER, base64 @param key PEM that signs it @param change of what was signed */
export async function svidJoin(
  url: string,
  certificates: readonly string[],
  key: string,
  change: object = {},
): Promise<object> {
  const made = await (await postTo(url, "/v1/join/challenge", {})).json();
  const { challenge } = made as { challenge: string };
  const request = { certificates: [...certificates], instance: "web-9", challenge };
  const hash = createPrivateKey(key).asymmetricKeyDetails?.namedCurve === "secp384r1" ? "sha384" : "sha256";
  const proof = sign(hash, Buffer.from(joinInput.svid(request)), { key, dsaEncoding: "ieee-p1363" });
  return { ...request, proof: proof.toString("base64"), ...change };
}

export const base64Of = (pem: string): string[] =>
  (pem.match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/g) ?? []).map((one) => derOf(one).toString("base64"));
