/** What would become of a token by which a workload wants to join: the same decisions as the control plane's, less the signature. */

import { readJsonObject } from "../auth/strict-json.ts";
import { refuseTokenForm, refuseTokenHeader } from "../auth/token-form.ts";
import { textOfBase64url } from "../http/base64.ts";
import { type JoinPlan, judgeJoin, type RuleVerdict } from "../policy/join-rules.ts";
import { issuersOf, JOIN_ALGORITHMS } from "../policy/joining.ts";

export interface JoinExplanation {
  /** Absent: nobody joins by it. */
  readonly service?: string;
  /** Why nobody does, before any rule was asked. */
  readonly refused?: string;
  /** What its rules say, in the order that they are asked. */
  readonly rules: readonly { readonly issuer: string; readonly rule: number; readonly verdict: RuleVerdict }[];
  /** What cannot be known offline. */
  readonly unknown: readonly string[];
}

const UNKNOWN = [
  "whether its issuer signed it: no key was asked for",
  "whether it was used before: the control plane remembers that until it ends",
];

/** @param join absent: the document has no rules */
export function explainJoin(join: JoinPlan | undefined, token: string, nowMs: number): JoinExplanation {
  if (join === undefined)
    return { refused: "the document lets nobody join by a token (`mesh.join`)", rules: [], unknown: [] };
  const claims = readClaims(token);
  if (typeof claims === "string") return { refused: claims, rules: [], unknown: [] };
  const names = issuersOf(join.issuers, claims, nowMs);
  if (typeof names === "string") return { refused: names, rules: [], unknown: UNKNOWN };
  const rules: { issuer: string; rule: number; verdict: RuleVerdict }[] = [];
  for (const issuer of names) {
    const { matched, asked } = judgeJoin(join, issuer, claims);
    rules.push(...asked.map((one) => ({ issuer, ...one })));
    if (matched !== undefined) return { service: matched.service, rules, unknown: UNKNOWN };
  }
  return { rules, unknown: UNKNOWN };
}

function readClaims(token: string): Record<string, unknown> | string {
  const malformed = refuseTokenForm(token);
  if (malformed !== undefined) return malformed;
  const [header = "", claims = ""] = token.split(".").map((part) => textOfBase64url(part) ?? "");
  const head = readJsonObject(header);
  if (typeof head === "string") return `the header ${head}`;
  const refused = refuseTokenHeader(head, JOIN_ALGORITHMS);
  if (refused !== undefined) return refused;
  const read = readJsonObject(claims);
  return typeof read === "string" ? `the payload ${read}` : read;
}
