/**
 * An SVID of the mesh's outside issuer, checked as the standard says (X.509-SVID sections 2 to 5): the leaf, its chain up to one of
 * the issuer's roots, and that who shows it has its key.
 */
import "reflect-metadata"; // before x509, as in certificates.ts
import * as x509 from "@peculiar/x509";
import { outsideService } from "../../../shared/identity/outside-names.ts";
import { trustDomainOf } from "../../../shared/identity/spiffe-id.ts";
import { limits } from "../../../shared/limits.ts";
import { serialText } from "../../../shared/policy/denial.ts";
import type { OutsideIssuer } from "../../../shared/policy/federation.ts";
import { joinInput, type SvidJoinRequest } from "../../../shared/wire/joining.ts";
import { fromBase64, utf8 } from "./bytes.ts";
import { fingerprint } from "./certificates.ts";
import { readDer } from "./der.ts";
import { refuseAlgorithms, refuseAuthority, signerOf } from "./external-chain.ts";
import { keyHash } from "./key-proof.ts";

/** Who shows an SVID, all of it proven. */
export interface OutsideSvid {
  readonly trustDomain: string;
  readonly service: string;
  readonly spiffeId: string;
  readonly serial: string;
  /** `keyHash` of the leaf's key. */
  readonly key: string;
  /** Fingerprint of the root that it leads to. */
  readonly root: string;
  readonly notAfterMs: number;
}

/** Critical extensions of a leaf that are understood here: key usage, names, constraints, extended key usage, policies. */
const KNOWN_CRITICAL = new Set(["2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.37", "2.5.29.32"]);
const { digitalSignature, keyCertSign, cRLSign } = x509.KeyUsageFlags;

/** @returns or why it is not believed */
export async function readOutsideSvid(
  request: SvidJoinRequest,
  issuer: OutsideIssuer,
  nowMs: number,
): Promise<OutsideSvid | string> {
  let chain: x509.X509Certificate[];
  try {
    chain = request.certificates.map(parse);
  } catch (error) {
    return `its certificates cannot be read: ${String(error)}`;
  }
  const [leaf, ...between] = chain;
  if (leaf === undefined) return "there is no certificate";
  const wrong = refuseLeaf(leaf, nowMs);
  if (wrong !== undefined) return wrong;
  const spiffeId = spiffeIdOf(leaf) ?? "";
  const trustDomain = trustDomainOf(spiffeId) ?? "";
  const service = outsideService(issuer, spiffeId);
  if (service === undefined) return `${spiffeId} is not named as ${issuer.id} says`;
  const root = await findRoot(leaf, between, issuer.roots, trustDomain, nowMs);
  if (typeof root === "string") return `${spiffeId}: ${root}`;
  if (!(await isSigned(leaf, request))) return `${spiffeId}: the request is not signed by the key of the certificate`;
  return {
    ...{ trustDomain, service, spiffeId, serial: serialText(leaf.serialNumber) },
    key: await keyHash(leaf.publicKey.rawData),
    root: await fingerprint(root),
    notAfterMs: leaf.notAfter.getTime(),
  };
}

function parse(text: string): x509.X509Certificate {
  const der = fromBase64(text);
  if (der === undefined) throw new RangeError("no base64");
  readDer(der);
  return new x509.X509Certificate(der);
}

/** Its one URI; undefined: that is no SPIFFE ID of a workload, or not the only one. */
function spiffeIdOf(leaf: x509.X509Certificate): string | undefined {
  const names = leaf.getExtension(x509.SubjectAlternativeNameExtension)?.names.toJSON() ?? [];
  const [uri, ...others] = names.filter(({ type }) => type === "url").map(({ value }) => String(value));
  return uri !== undefined && others.length === 0 && trustDomainOf(uri) !== undefined ? uri : undefined;
}

/** Why it is no leaf that may be shown now. */
function refuseLeaf(leaf: x509.X509Certificate, nowMs: number): string | undefined {
  if (spiffeIdOf(leaf) === undefined)
    return "the certificate does not carry exactly one URI, the SPIFFE ID of a workload";
  if (leaf.getExtension(x509.BasicConstraintsExtension)?.ca === true) return "the certificate is an authority's";
  const usage = leaf.getExtension(x509.KeyUsagesExtension)?.usages ?? 0;
  if ((usage & digitalSignature) === 0 || (usage & (keyCertSign | cRLSign)) !== 0)
    return "its key usage is not digitalSignature without keyCertSign and cRLSign";
  const unknown = leaf.extensions.find(({ critical, type }) => critical && !KNOWN_CRITICAL.has(type));
  if (unknown !== undefined) return `its critical extension ${unknown.type} is not understood`;
  if (nowMs < leaf.notBefore.getTime()) return `it begins at ${leaf.notBefore.toISOString()}`;
  if (nowMs >= leaf.notAfter.getTime()) return `it has ended at ${leaf.notAfter.toISOString()}`;
  return refuseAlgorithms(leaf);
}

/** The root that the leaf leads to. @returns or why there is none */
async function findRoot(
  leaf: x509.X509Certificate,
  between: readonly x509.X509Certificate[],
  roots: readonly string[],
  trustDomain: string,
  nowMs: number,
): Promise<x509.X509Certificate | string> {
  if (roots.length === 0) return "no bundle of the outside issuer is here: selvage federation list";
  const believed = roots.map((pem) => new x509.X509Certificate(pem));
  let last = leaf;
  for (let depth = 0; depth < limits.authority.chainMax; depth++) {
    const root = await signerOf(last, believed);
    const signer = root ?? (await signerOf(last, between));
    if (signer === undefined) return "its chain does not lead to a root of the outside issuer";
    const wrong = refuseAuthority(signer, depth, trustDomain, nowMs, 0);
    if (wrong !== undefined) return `the certificate of "${signer.subject}": ${wrong}`;
    if (root !== undefined) return root;
    last = signer;
  }
  return "its chain is too long";
}

async function isSigned({ publicKey }: x509.X509Certificate, request: SvidJoinRequest): Promise<boolean> {
  const { proof, ...signed } = request;
  const signature = fromBase64(proof);
  const algorithm = algorithmOf(publicKey.algorithm as { name: string; namedCurve?: string });
  if (signature === undefined || algorithm === undefined) return false;
  const key = await crypto.subtle.importKey("spki", publicKey.rawData, algorithm, false, ["verify"]);
  return crypto.subtle.verify(algorithm, key, signature, utf8(joinInput.svid(signed)));
}

/** As the request's shape says; undefined: a key of another kind. */
function algorithmOf({ name, namedCurve = "" }: { name: string; namedCurve?: string }) {
  if (name === "RSASSA-PKCS1-v1_5") return { name, hash: "SHA-256" };
  const hash = { "P-256": "SHA-256", "P-384": "SHA-384" }[namedCurve];
  return name === "ECDSA" && hash !== undefined ? { name, namedCurve, hash } : undefined;
}
