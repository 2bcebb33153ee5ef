/** Whether a token of an outside issuer lets a workload join, and as which service. */
import { compactVerify, importJWK } from "jose";
import { keysFor, type PublicJwk } from "../../../shared/auth/jwk.ts";
import { mayBeOfNewKey, type SignedToken } from "../../../shared/auth/read-token.ts";
import { readJsonObject } from "../../../shared/auth/strict-json.ts";
import { refuseTokenForm, refuseTokenHeader } from "../../../shared/auth/token-form.ts";
import { type JoinIssuer, type JoinPlan, judgeJoin } from "../../../shared/policy/join-rules.ts";
import { issuersOf, JOIN_ALGORITHMS } from "../../../shared/policy/joining.ts";
import { fromBase64Url, toBase64Url, utf8 } from "./bytes.ts";
import { keysAfterMiss, keysOf } from "./issuer-keys.ts";

/** A token whose signature, claims and rule were good. */
export interface ProvenToken {
  readonly service: string;
  /** For the issuance log: issuer, rule and subject. */
  readonly cause: string;
  /** What it is remembered by: a signature may be written in several ways, what is signed cannot. */
  readonly id: string;
  readonly endsAtMs: number;
  readonly reuse: boolean;
}

/** @returns or why nobody joins by it. @throws SelvageError issuer_unavailable */
export async function proveToken(token: string, join: JoinPlan, nowMs: number): Promise<ProvenToken | string> {
  const malformed = refuseTokenForm(token);
  if (malformed !== undefined) return malformed;
  const [first = "", second = ""] = token.split(".");
  const [header, claims] = [readSegment(first), readSegment(second)];
  if (typeof header === "string") return `the header ${header}`;
  if (typeof claims === "string") return `the payload ${claims}`;
  const refused = refuseTokenHeader(header, JOIN_ALGORITHMS);
  if (refused !== undefined) return refused;
  const { alg, kid } = header as { alg: string; kid?: string };
  const names = issuersOf(join.issuers, claims, nowMs);
  if (typeof names === "string") return names;
  const reasons: string[] = [];
  for (const name of names) {
    const issuer = join.issuers[name] as JoinIssuer;
    const unproven = await refuseSignature({ token, alg, kid }, issuer, nowMs);
    if (unproven !== undefined) {
      reasons.push(`${name}: ${unproven}`);
      continue;
    }
    const { matched, asked } = judgeJoin(join, name, claims);
    if (matched === undefined) {
      reasons.push(...asked.map(({ rule, verdict }) => `rule ${rule}: ${"reason" in verdict ? verdict.reason : ""}`));
      continue;
    }
    const { rule, service } = matched;
    const id = toBase64Url(new Uint8Array(await crypto.subtle.digest("SHA-256", utf8(`${first}.${second}`))));
    const cause = `token of ${name} by rule ${rule} for ${String(claims.sub).slice(0, 200)}`;
    const endsAtMs = Number(claims.exp) * 1000 + issuer.clockSkewMs;
    return { service, cause, id, endsAtMs, reuse: issuer.reuse === true };
  }
  return `${String(claims.sub).slice(0, 200)} does not join: ${reasons.join("; ") || "no rule is for its issuer"}`;
}

async function refuseSignature(signed: SignedToken, issuer: JoinIssuer, nowMs: number): Promise<string | undefined> {
  let keys = await keysOf(issuer, nowMs);
  for (;;) {
    const candidates = keysFor(keys, signed.alg, signed.kid);
    for (const jwk of candidates) if (await isSignedWith(signed, jwk)) return undefined;
    const isWrong = !mayBeOfNewKey(signed, candidates.length > 0);
    const newer = isWrong ? undefined : await keysAfterMiss(issuer, keys, nowMs);
    if (newer !== undefined) keys = newer;
    else return candidates.length > 0 ? "the signature is of none of its keys" : "it has no key of that kid and alg";
  }
}

async function isSignedWith({ token, alg }: SignedToken, jwk: PublicJwk): Promise<boolean> {
  try {
    await compactVerify(token, await importJWK({ ...jwk }, alg), { algorithms: [alg] });
    return true;
  } catch {
    return false;
  }
}

function readSegment(segment: string): Record<string, unknown> | string {
  const bytes = fromBase64Url(segment);
  if (bytes === undefined) return "is not base64url";
  try {
    return readJsonObject(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    return "is not UTF-8";
  }
}
