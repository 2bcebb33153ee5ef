/** The gateway's part towards the ingress, as a test plays it. */
import { createHmac, randomBytes } from "node:crypto";
import {
  type CoveredField,
  HOP_FIELDS,
  HOP_FIELDS_IF_PRESENT,
  hopParameters,
  hopSignatureText,
} from "../../shared/auth/hop-proof.ts";
import type { HopKey } from "../../shared/wire/hop-key.ts";

const isolate = randomBytes(12).toString("base64url");
let count = 0;

export interface ProvenRequest {
  readonly method?: string;
  readonly target: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

/** What of a proof is made wrong. */
export interface WrongProof {
  readonly nowMs?: number;
  readonly count?: number;
  readonly uncovered?: string;
  readonly also?: readonly string[];
  readonly edit?: (parameters: string) => string;
}

/** The request's fields with those that every request of the gateway has, and a proof over them. */
export function proven(
  { method = "GET", target, headers }: ProvenRequest,
  { kid, key }: HopKey,
  wrong: WrongProof = {},
): Record<string, string> {
  const all: Record<string, string> = {
    traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "selvage-plan": "1",
    "selvage-deadline-ms": "5000",
    ...headers,
  };
  const names = [...HOP_FIELDS, ...HOP_FIELDS_IF_PRESENT, ...(wrong.also ?? [])];
  const covered = names.flatMap((name): CoveredField[] => {
    const value = all[name];
    return value === undefined || name === wrong.uncovered ? [] : [[name, value]];
  });
  const parameters = hopParameters(isolate, wrong.count ?? ++count, kid, wrong.nowMs ?? Date.now());
  const text = hopSignatureText(method, target, covered, parameters);
  const base = text.base.replace(text.parameters, () => (wrong.edit ?? String)(text.parameters));
  const mac = createHmac("sha256", Buffer.from(key, "base64url")).update(base, "latin1").digest("base64");
  const own = (name: string): string => (headers[name] === undefined ? "" : `, ${headers[name]}`);
  return {
    ...all,
    "signature-input": `selvage=${(wrong.edit ?? String)(text.parameters)}${own("signature-input")}`,
    signature: `selvage=:${mac}:${own("signature")}`,
  };
}
