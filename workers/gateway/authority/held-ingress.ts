/**
 * The mesh's ingress agents as an isolate knows them by the control plane: one is chosen for each call, and another one where that
 * one is leaving or not reached, as far as a request may be sent twice. Loaded with the first answer that names any. Requests
 * under way see what is told meanwhile.
 */
import { ERROR_CODE, SENT } from "../../../shared/http/header-names.ts";
import type { ToldIngress } from "../../../shared/policy/ingress-callers.ts";
import { ingressUpstream } from "../../../shared/policy/ingress-targets.ts";
import { type AttemptOutcome, mayRetry } from "../../../shared/policy/retry.ts";
import type { HeldRevision } from "../../../shared/policy/service-view.ts";
import {
  enterTarget,
  hasUntried,
  leaveTarget,
  newUpstream,
  noteOutcome,
  type TargetOutcome,
  type TargetState,
  type UpstreamState,
} from "../../../shared/policy/upstream-targets.ts";

/** How the call to one of them ended. */
interface Ending {
  readonly event: TargetOutcome["event"];
  readonly response?: Response;
  readonly cause?: unknown;
  /** Absent: it is the answer, whatever it says. */
  readonly outcome?: AttemptOutcome;
}

export class HeldIngress {
  /** What the control plane hears. */
  held: HeldRevision = { epoch: "", revision: 0 };
  #state: UpstreamState | undefined;

  /** An answer that was overtaken brings nothing back. */
  take({ epoch, revision, addresses }: ToldIngress): void {
    if (epoch === this.held.epoch && revision <= this.held.revision) return;
    this.held = { epoch, revision };
    this.#state = addresses.length === 0 ? undefined : newUpstream(ingressUpstream(addresses), Date.now(), this.#state);
  }

  /**
   * @param url at the fixed address, whose scheme and path stay; itself where no ingress agent is there
   * @throws what the platform does when there is no answer
   */
  async fetch(url: string, init: RequestInit): Promise<Response> {
    const tried = new Set<TargetState>();
    for (;;) {
      const state = this.#state;
      const nowMs = Date.now();
      const question = { tried, key: undefined, nowMs, random: Math.random() };
      const target = state && enterTarget(state, question);
      if (state === undefined || target === undefined) return fetch(url, init);
      tried.add(target);
      const ending = await attempt(at(url, target.settings.name), init);
      const tookMs = Date.now() - nowMs;
      leaveTarget(target);
      noteOutcome(state, target, { event: ending.event, sentAtMs: nowMs, tookMs }, nowMs + tookMs);
      const again = this.#hasOther(tried) && mayGoOn(init, ending, tried.size, state);
      if (again) await ending.response?.body?.cancel();
      else if (ending.response === undefined) throw ending.cause;
      else return ending.response;
    }
  }

  #hasOther(tried: ReadonlySet<TargetState>): boolean {
    const state = this.#state;
    return state !== undefined && hasUntried(state, { tried, key: undefined, nowMs: Date.now(), random: 0 });
  }
}

async function attempt(url: string, init: RequestInit): Promise<Ending> {
  try {
    const response = await fetch(url, init);
    const isLeaving = response.headers.get(ERROR_CODE) === "draining" && response.headers.get(SENT) === "none";
    return { event: "success", response, ...(isLeaving && { outcome: { kind: "refused" } }) };
  } catch (cause) {
    // A call that was ended from here says nothing of the agent.
    if (init.signal?.aborted === true) return { event: "abandoned", cause };
    return { event: "failure", cause, outcome: { kind: "reset" } };
  }
}

/** By the contract of all retries; where a protocol changes, two attempts could both become a connection. */
function mayGoOn(init: RequestInit, { outcome }: Ending, attempts: number, { settings }: UpstreamState): boolean {
  if (outcome === undefined) return false;
  const isRefused = outcome.kind === "refused";
  if (!isRefused && new Headers(init.headers).has("upgrade")) return false;
  return mayRetry(settings.retries, {
    method: init.method ?? "GET",
    path: "/",
    sent: isRefused ? "none" : "body",
    outcome,
    attempt: attempts,
    bodyReplayable: !(init.body instanceof ReadableStream),
    callerRetries: false,
  }).retry;
}

/** A URL with another authority. */
function at(url: string, address: string): string {
  const start = url.indexOf("//") + 2;
  return url.slice(0, start) + address + url.slice(url.indexOf("/", start));
}
