/** Messages of the SPIFFE Workload API (workloadapi.proto), as octets of protobuf: all of their fields are texts or octets. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { grpcFrame } from "../../shared/http/grpc-answer.ts";

/** What an application is to be, and whom it may believe. */
export interface Svid {
  readonly spiffeId: string;
  readonly trustDomain: string;
  /** PEM, leaf first. */
  readonly certificates: readonly string[];
  /** PKCS#8, PEM. */
  readonly privateKey: string;
  /** PEM roots of the trust domain. */
  readonly roots: readonly string[];
  /** The same of others. */
  readonly federated: Readonly<Record<string, readonly string[]>>;
}

/** `X509SVIDResponse` in its frame. */
export function svidResponse({ spiffeId, certificates, privateKey, roots, federated }: Svid): Buffer {
  const key = createPrivateKey(privateKey).export({ type: "pkcs8", format: "der" });
  const svid = [field(1, Buffer.from(spiffeId)), field(2, derOf(certificates)), field(3, key), field(4, derOf(roots))];
  const bundles = Object.entries(federated).map(([name, others]) => field(3, bundleEntry(name, others)));
  return framed([field(1, Buffer.concat(svid)), ...bundles]);
}

/** `X509BundlesResponse` in its frame. */
export function bundlesResponse({ trustDomain, roots, federated }: Svid): Buffer {
  const all = Object.entries({ ...federated, [trustDomain]: roots });
  return framed(all.map(([name, others]) => field(2, bundleEntry(name, others))));
}

/** Of a map, whose keys are SPIFFE IDs of trust domains. */
function bundleEntry(trustDomain: string, roots: readonly string[]): Buffer {
  return Buffer.concat([field(1, Buffer.from(`spiffe://${trustDomain}`)), field(2, derOf(roots))]);
}

function derOf(certificates: readonly string[]): Buffer {
  return Buffer.concat(certificates.map((pem) => new X509Certificate(pem).raw));
}

/** A field whose value has a length. @param number below 16 */
function field(number: number, value: Buffer): Buffer {
  const head = [(number << 3) | 2];
  let rest = value.length;
  for (; rest > 0x7f; rest >>>= 7) head.push((rest & 0x7f) | 0x80);
  head.push(rest);
  return Buffer.concat([Buffer.from(head), value]);
}

function framed(fields: readonly Buffer[]): Buffer {
  return Buffer.from(grpcFrame(0, Buffer.concat(fields)));
}
