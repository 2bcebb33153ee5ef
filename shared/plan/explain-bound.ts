/** What can be said without a host of tokens that are bound and of client certificates. */
import { derOfClientCert, readCertificate } from "../auth/certificate.ts";
import { type CertificateProvider, identityOfCertificate, refuseCertificate } from "../auth/certificate-rules.ts";
import type { Proof } from "../auth/compose.ts";
import { accessToken, readConfirmation, refuseBinding, type TokenBinding } from "../auth/confirmation.ts";
import { readProof, refuseProof, refuseProofForm } from "../auth/dpop-proof.ts";
import { readJsonObject } from "../auth/strict-json.ts";
import { textOfBase64url } from "../http/base64.ts";
import type { Identity } from "../identity/identity.ts";
import { type ExplainRequest, headerOf } from "./explain-step.ts";

const NOT_COMPUTED = "not computed";

/** A certificate that stands in the request as a terminator of TLS would pass it on, or who is assumed. */
export function proofOfCertificate(
  provider: CertificateProvider,
  { headers, credential }: Pick<ExplainRequest, "headers" | "credential">,
  nowMs: number,
): Proof {
  if (credential.kind === "assumed") {
    const { sub, scopes, claims = {} } = credential;
    const issuer = provider.issuers?.[0] ?? "";
    return {
      kind: "proven",
      identity: { sub, issuer, scopes, claims: { ...claims, sub }, groups: [], method: "certificate" },
    };
  }
  const text = headerOf({ headers }, "client-cert");
  if (text === undefined) return { kind: "absent" };
  const der = derOfClientCert(text);
  const certificate = typeof der === "string" ? der : readCertificate(der);
  if (typeof certificate === "string") return { kind: "refused", reason: certificate };
  const shown = { ...certificate, fingerprint: NOT_COMPUTED };
  const { fingerprints: _, ...rules } = provider;
  const found = refuseCertificate(shown, rules, nowMs) ?? identityOfCertificate(shown, rules);
  return typeof found === "string" ? { kind: "refused", reason: found } : { kind: "proven", identity: found };
}

/** Why the way in which a token is shown is refused, or undefined: its binding, and the form and target of a proof. */
export function refuseShownToken(
  { claims }: Identity,
  binding: TokenBinding | undefined,
  { method, host, path, headers }: ExplainRequest,
  nowMs: number,
): string | undefined {
  const confirmation = readConfirmation(claims);
  if (typeof confirmation === "string") return confirmation;
  const scheme = accessToken(headerOf({ headers }, "authorization"))?.scheme ?? "bearer";
  const refused = refuseBinding(confirmation, scheme, binding ?? {});
  if (refused !== undefined || confirmation.kind !== "dpop") return refused;
  const text = headerOf({ headers }, "dpop");
  if (text === undefined) return "no proof came with the token";
  const malformed = refuseProofForm(text);
  if (malformed !== undefined) return malformed;
  const [header, payload] = text.split(".", 2).map((segment) => readJsonObject(textOfBase64url(segment) ?? ""));
  if (typeof header !== "object" || typeof payload !== "object") return "the proof is not JSON";
  const proof = readProof(header, payload);
  if (typeof proof === "string") return `the proof: ${proof}`;
  // What the client sees as scheme is not part of the question, and the token's digest is not computed.
  const asked = { method, authority: host, path, ath: proof.ath ?? "missing" };
  const [https, http] = (["https", "http"] as const).map((one) => refuseProof(proof, { ...asked, scheme: one }, nowMs));
  return https === undefined || http === undefined ? undefined : `the proof: ${https.reason}`;
}

/** What is said beside an identity of which a part could not be looked at. */
export function boundNote({ method, claims }: Identity, isAssumed: boolean): string {
  if (isAssumed) return "";
  if (method === "certificate") return " (as written: that it was verified, and its fingerprint, WAS NOT CHECKED)";
  const confirmation = method === "jwt" ? readConfirmation(claims) : "";
  if (typeof confirmation === "string" || confirmation.kind === "none") return "";
  if (confirmation.kind === "certificate") return " (bound to a certificate, which WAS NOT CHECKED)";
  return " (bound to a DPoP key: key, signature, ath, nonce and first use of the proof WERE NOT CHECKED)";
}
