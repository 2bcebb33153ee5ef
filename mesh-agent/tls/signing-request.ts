/** The agent's own key pair and the request by which the authority certifies it. The private key never leaves. */
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { der, SEQUENCE } from "./der.ts";

/** A fresh ECDSA key on P-256. */
export function makeKey(): KeyObject {
  return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
}

/** ecdsa-with-SHA256, RFC 5758 section 3.2, as an AlgorithmIdentifier. */
const ECDSA_SHA256 = Buffer.from("300a06082a8648ce3d040302", "hex");
const VERSION_0 = Buffer.from("020100", "hex");
const EMPTY_NAME = Buffer.from("3000", "hex");
const NO_ATTRIBUTES = Buffer.from("a000", "hex");
const BIT_STRING = 0x03;

/**
 * A PKCS#10 request (RFC 2986 section 4) without subject or attributes: the authority knows the service by other means.
 * @param key private key on P-256
 * @returns base64 of its DER
 */
export function makeSigningRequest(key: KeyObject, publicKey: KeyObject): string {
  const spki = publicKey.export({ type: "spki", format: "der" });
  const info = der(SEQUENCE, VERSION_0, EMPTY_NAME, spki, NO_ATTRIBUTES);
  const signature = sign("sha256", info, key);
  return der(SEQUENCE, info, ECDSA_SHA256, der(BIT_STRING, Buffer.of(0), signature)).toString("base64");
}
