/** Asks external decision points (OpenID Authorization API 1.0 section 10.1). */
import {
  type Decision,
  type DecisionFacts,
  type DecisionPoint,
  type DecisionSettings,
  type Evaluation,
  evaluationOf,
  readDecision,
} from "../../../shared/auth/decision.ts";
import { SelvageError } from "../../../shared/errors.ts";
import { TRACEPARENT } from "../../../shared/http/header-names.ts";
import { formatTraceparent, type TraceContext } from "../../../shared/http/trace-context.ts";
import { type Identity, identityKey } from "../../../shared/identity/identity.ts";
import { limits } from "../../../shared/limits.ts";
import { canonicalJson } from "../../../shared/plan/canonical-json.ts";
import { applyHeaderEdits, MissingSecret } from "../../../shared/policy/header-edits.ts";
import type { Env } from "../env.ts";
import { Asker } from "../upstream/asker.ts";
import { postQuestion } from "../upstream/post-question.ts";
import { BySettings } from "./by-settings.ts";

export interface DecisionCall {
  readonly env: Env;
  readonly ctx: Pick<ExecutionContext, "waitUntil">;
  readonly identity: Identity;
  readonly trace: TraceContext;
  readonly nowMs: number;
  readonly deadlineAtMs: number;
}

/** `failed`: there is no decision. `away`: because nobody answered, which `onFailure` is about. */
export type Decided =
  | ({ readonly kind: "decided" } & Decision)
  | { readonly kind: "failed"; readonly reason: string; readonly away: boolean };

export class DecisionPoints {
  readonly #askers = new BySettings<DecisionPoint, Asker<Decision>>(() => new Asker(limits.decision));

  /** The question of a route about a request, or what it lacks for that. */
  evaluate(settings: DecisionSettings, point: DecisionPoint, facts: DecisionFacts): ReturnType<typeof evaluationOf> {
    return evaluationOf(settings, point, facts);
  }

  /** From memory where the same was asked lately. @throws SelvageError not_permitted, secret_missing */
  async decide(evaluation: Evaluation, point: DecisionPoint, call: DecisionCall): Promise<Decided> {
    const body = canonicalJson(evaluation);
    if (body.length > limits.decision.questionCharsMax)
      throw new SelvageError("not_permitted", `the question has ${body.length} characters`);
    const asker = this.#askers.of(point);
    const known = asker.recall(body, call.nowMs);
    if (known !== undefined) return { kind: "decided", ...known.value };
    const headers = headersOf(point, call);
    // Never shortened: what is left of a request's time is partly its client's choice, and a time-out can let it pass.
    const { url, timeoutMs, rememberMs } = point;
    if (call.deadlineAtMs <= Date.now())
      throw new SelvageError("deadline_exceeded", "no time left to ask the decision point");
    const outcome = await asker.ask(body, {
      ctx: call.ctx,
      nowMs: call.nowMs,
      waitMs: timeoutMs,
      asker: identityKey(call.identity),
      countsVain: false,
      put: async (askedAtMs) => {
        const { answerBytesMax } = limits.decision;
        const value = readDecision(await postQuestion({ url, headers, body, timeoutMs, answerBytesMax }));
        if (typeof value === "string") throw new Error(value);
        const untilMs = askedAtMs + rememberMs;
        const chars = value.reason?.length ?? 0;
        return { kind: "answer", value, chars, found: value.permitted, freshUntilMs: untilMs, staleUntilMs: untilMs };
      },
    });
    // Whoever can keep us busy must not gain by it: that is nobody's absence.
    if (outcome === "busy") return { kind: "failed", reason: "too many questions at once or in vain", away: false };
    return outcome.kind === "answer" ? { kind: "decided", ...outcome.value } : outcome;
  }
}

function headersOf({ headers }: DecisionPoint, { env, trace }: DecisionCall): Headers {
  const fields = new Headers();
  try {
    applyHeaderEdits(fields, { remove: [], set: headers, add: {} }, (name) => env[`SECRET_${name}`]);
  } catch (cause) {
    if (cause instanceof MissingSecret) throw new SelvageError("secret_missing", cause.message, { cause });
    throw cause;
  }
  fields.set("content-type", "application/json");
  fields.set("x-request-id", `${trace.traceId}-${trace.spanId}`);
  fields.set(TRACEPARENT, formatTraceparent(trace));
  return fields;
}
