import type { Path } from "../config/problem.ts";
import { formatDuration, formatSize } from "../config/units.ts";
import { type Identity, identityKey } from "../identity/identity.ts";
import type { IdempotencySettings } from "../policy/idempotency.ts";
import { readIdempotencyKey } from "../policy/idempotency-key.ts";
import { type ExplainStep, step } from "./explain-step.ts";
import type { RoutePlan } from "./plan.ts";

/** What a request's key says. Whether it was used before only a gateway knows. */
export function explainIdempotency(
  { idempotency, timeoutMs }: Pick<RoutePlan, "idempotency" | "timeoutMs">,
  at: Path,
  identity: Identity,
  method: string,
  header: (name: string) => string | undefined,
): ExplainStep[] {
  if (idempotency === undefined) return [];
  const path = [...at, "idempotency"];
  const read = readIdempotencyKey(idempotency, method, header(idempotency.header));
  const denied = (text: string, code: "idempotency_key_missing" | "idempotency_key_invalid"): ExplainStep[] => [
    step("idempotency", idempotency.mode === "shadow" ? "would-deny" : "deny", text, path, code),
  ];
  if (read.kind === "missing")
    return denied(`no ${idempotency.header}: try -H '${idempotency.header}: "a-new-uuid"'`, "idempotency_key_missing");
  if (read.kind === "invalid") return denied(read.reason, "idempotency_key_invalid");
  if (read.kind === "none") return [step("idempotency", "skip", noKeyText(idempotency, method), path)];
  const whose = identity.method === "anonymous" ? "everybody without credentials" : identityKey(identity);
  const text = `key ${read.key} of ${whose}, not looked up now: the first request runs; ${repeatText(idempotency, timeoutMs)}`;
  return [step("idempotency", "note", text, path)];
}

const noKeyText = ({ methods, header }: IdempotencySettings, method: string): string =>
  methods.includes(method) ? `no ${header}: carried out each time` : `keys have no meaning for ${method}`;

function repeatText({ waitMs, ttlMs, answerBytesMax, onUnknown }: IdempotencySettings, timeoutMs: number): string {
  const wait = Math.min(waitMs ?? timeoutMs, timeoutMs);
  return [
    wait === 0 ? "an equal one meanwhile gets 409" : `an equal one meanwhile waits up to ${formatDuration(wait)}`,
    `later ones get its answer for ${formatDuration(ttlMs)}, up to ${formatSize(answerBytesMax)}`,
    "one that differs gets 422",
    onUnknown === "retry"
      ? "it is carried out again where the outcome is not known"
      : "409 where the outcome is not known",
  ].join(", ");
}
