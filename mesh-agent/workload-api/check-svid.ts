/** What an SVID of somebody else has to be before it is used (X.509-SVID sections 2 to 5, Workload API section 5). */
import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import { trustDomainOf } from "../../shared/identity/spiffe-id.ts";
import { limits } from "../../shared/limits.ts";
import { spiffeIdOfCertificate } from "../proxy/tls-peer.ts";
import { constrainedRoot } from "../tls/constrained-root.ts";
import { elements, extensionValues, inside } from "../tls/der.ts";
import { leadsTo } from "../tls/identity.ts";
import type { Svid } from "./messages.ts";
import type { GivenSvid, GivenSvids } from "./read-svids.ts";

/** 2.5.29.15 */
const KEY_USAGE = Buffer.from("551d0f", "hex");
const OCTET_STRING = 0x04;
const BIT_STRING = 0x03;
/** The first octet of the bits (RFC 5280 section 4.2.1.3). */
const DIGITAL_SIGNATURE = 0x80;
const SIGNS_CERTIFICATES = 0x04 | 0x02;

/** What is used of an answer, and what is left out of it, in sentences for people. */
export interface CheckedSvid {
  readonly svid: Svid;
  readonly leftOut: readonly string[];
}

/**
 * The SVID of that hint, or the first, which is the default.
 * @throws with a sentence for people when none of that kind is good
 */
export function checkSvids(given: GivenSvids, hint: string | undefined, nowMs: number): CheckedSvid {
  const [first] = given.svids;
  if (first === undefined) throw new Error("it holds no SVID");
  const chosen = hint === undefined ? first : given.svids.find((one) => one.hint === hint);
  if (chosen !== undefined) return checked(chosen, given.federated, nowMs);
  const hints = given.svids.map((one) => one.hint || "none").join(", ");
  throw new Error(`it holds no SVID with the hint ${hint}; their hints: ${hints}`);
}

function checked(given: GivenSvid, others: GivenSvids["federated"], nowMs: number): CheckedSvid {
  const named = given.spiffeId || "the SVID";
  const chain = certificatesOf(given.certificates, `the certificates of ${named}`);
  const [leaf] = chain;
  if (leaf === undefined) throw new Error(`${named} has no certificate`);
  if (chain.length > limits.authority.chainMax)
    throw new Error(`${named} has ${chain.length} certificates, at most ${limits.authority.chainMax} are taken`);
  const trustDomain = trustDomainOf(given.spiffeId);
  if (trustDomain === undefined) throw new Error(`"${given.spiffeId}" is no SPIFFE ID of a workload`);
  const roots = rootsOf(given.bundle, `the bundle of ${trustDomain}`);
  const key = keyOf(given, leaf);
  const wrong = refuseLeaf(leaf, given.spiffeId, nowMs) ?? refuseIssuers(chain, roots, trustDomain);
  if (wrong !== undefined) throw new Error(`${named} is not used: ${wrong}`);
  const { federated, leftOut } = federatedOf(others, trustDomain);
  return {
    svid: {
      ...{ spiffeId: given.spiffeId, trustDomain, certificates: chain.map(String), roots, federated },
      privateKey: key.export({ type: "pkcs8", format: "pem" }).toString(),
    },
    leftOut,
  };
}

function refuseLeaf(leaf: X509Certificate, spiffeId: string, nowMs: number): string | undefined {
  const found = spiffeIdOfCertificate(leaf.raw);
  if (found === undefined) return "its certificate does not carry exactly one URI, a SPIFFE ID";
  if (found !== spiffeId) return `its certificate names ${found}`;
  if (leaf.ca) return "its certificate is an authority's";
  const usage = keyUsageOf(leaf.raw);
  if (usage === undefined || (usage & DIGITAL_SIGNATURE) === 0) return "its key usage lacks digitalSignature";
  if ((usage & SIGNS_CERTIFICATES) !== 0) return "its key may sign certificates or revocation lists";
  if (nowMs >= leaf.validToDate.getTime()) return `its certificate has ended at ${leaf.validToDate.toISOString()}`;
  if (nowMs < leaf.validFromDate.getTime())
    return `its certificate begins at ${leaf.validFromDate.toISOString()}: is this machine's clock behind?`;
  return undefined;
}

function refuseIssuers(
  [leaf, ...between]: readonly X509Certificate[],
  roots: readonly string[],
  trustDomain: string,
): string | undefined {
  if (between.some(({ ca }) => !ca)) return "one of its issuers is no authority";
  if (roots.length === 0) return `the bundle of ${trustDomain} is empty`;
  return leadsTo([leaf, ...between].map(String), roots)
    ? undefined
    : `its chain does not lead to the bundle of ${trustDomain}`;
}

/** The first octet of the bits of the key usage. */
function keyUsageOf(certificate: Buffer): number | undefined {
  const [value] = extensionValues(certificate, KEY_USAGE);
  const [bits] = inside(certificate, value, OCTET_STRING);
  return bits?.tag === BIT_STRING && bits.to - bits.from > 1 ? certificate[bits.from + 1] : undefined;
}

/** @throws when it cannot be used, or is not the certificate's */
function keyOf({ key: der, spiffeId }: GivenSvid, leaf: X509Certificate): KeyObject {
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  } catch (cause) {
    throw new Error(`the key of ${spiffeId} cannot be read`, { cause });
  }
  const { namedCurve = "", modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  const isGood = ["prime256v1", "secp384r1"].includes(namedCurve) || modulusLength >= 2048;
  if (!isGood || !["ec", "rsa"].includes(key.asymmetricKeyType ?? ""))
    throw new Error(`the key of ${spiffeId} is neither ECDSA P-256 or P-384 nor RSA of 2,048 bits and more`);
  if (!createPublicKey(key).equals(leaf.publicKey))
    throw new Error(`the key of ${spiffeId} is not the one of its certificate`);
  return key;
}

function federatedOf(others: GivenSvids["federated"], own: string) {
  const leftOut: string[] = [];
  const federated: Record<string, readonly string[]> = {};
  for (const [name, bundle] of others) {
    const trustDomain = name.replace(/^spiffe:\/\//, "").replace(/\/$/, "");
    try {
      if (trustDomain === own || trustDomainOf(`spiffe://${trustDomain}/x`) !== trustDomain)
        throw new Error(`"${name}" is no other trust domain`);
      if (Object.keys(federated).length >= limits.federation.partnersMax)
        throw new Error(`there are more than ${limits.federation.partnersMax} of them`);
      const roots = rootsOf(bundle, `the bundle of ${trustDomain}`);
      for (const root of roots) constrainedRoot(root, trustDomain);
      federated[trustDomain] = roots;
    } catch (error) {
      leftOut.push(`the bundle of ${name} is left out: ${(error as Error).message}`);
    }
  }
  return { federated, leftOut };
}

/** PEM. @throws with a sentence */
function rootsOf(der: Buffer, what: string): string[] {
  const roots = certificatesOf(der, what);
  const { rootsMax } = limits.federation;
  if (roots.length > rootsMax) throw new Error(`${what} holds ${roots.length} roots, at most ${rootsMax} are taken`);
  if (roots.some(({ ca }) => !ca)) throw new Error(`${what} holds a certificate that is no authority`);
  return [...new Set(roots.map(String))];
}

/** Certificates that stand one after the other. @throws with a sentence */
function certificatesOf(der: Buffer, what: string): X509Certificate[] {
  try {
    let from = 0;
    return elements(der, 0, der.length).map(({ to }) => {
      const certificate = new X509Certificate(der.subarray(from, to));
      from = to;
      return certificate;
    });
  } catch (cause) {
    throw new Error(`${what} cannot be read: ${(cause as Error).message}`, { cause });
  }
}
