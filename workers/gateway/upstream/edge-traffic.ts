/** What a route's `mirror` and `faults` do to a request that goes to its upstream. */
import { SelvageError } from "../../../shared/errors.ts";
import { limits } from "../../../shared/limits.ts";
import { type CounterState, seriesOf } from "../../../shared/policy/counters.ts";
import type { EdgeFaultRule, EdgeMirrorRule } from "../../../shared/policy/edge-traffic.ts";
import { chooseFault } from "../../../shared/policy/fault.ts";
import { matches, type TrafficRequest } from "../../../shared/policy/traffic.ts";
import { callTarget } from "./call-target.ts";
import type { CallContext, UpstreamCall } from "./call-upstream.ts";
import type { Context } from "./context.ts";
import type { GatewayEnv } from "./exchange.ts";
import type { Upstreams } from "./upstreams.ts";
import { sleep, within } from "./wait.ts";

/** The request as rules are asked about it; what they ask of its user is what the transaction token says. */
export function askedOf(c: Context<GatewayEnv>): TrafficRequest {
  const { method, sub, scopes } = c.get("identity");
  const known = method !== "anonymous";
  return {
    method: c.req.raw.method,
    path: c.get("path"),
    claims: known ? { sub, tctx: { route: c.get("route").name, ...c.get("context")?.values } } : undefined,
    scopes: known ? scopes : undefined,
  };
}

/** The request's fields as they go on. */
export function fieldOf(c: Context<GatewayEnv>): (name: string) => string | undefined {
  const fields = c.get("fields");
  return (name) => fields.get(name) ?? undefined;
}

/**
 * Waits, or answers, as the document asks for; to the route's other policies it is the upstream that does.
 * @returns undefined when the request goes on
 */
export async function injectFault(
  c: Context<GatewayEnv>,
  faults: readonly EdgeFaultRule[],
  counters: CounterState,
): Promise<Response | undefined> {
  const fault = chooseFault(faults, askedOf(c), fieldOf(c), Date.now(), Math.random());
  if (fault === undefined) return undefined;
  const { counts } = seriesOf(counters, "fault", c.get("route").name);
  if (fault.kind === "abort") {
    counts.abort++;
    c.set("fault", `abort ${fault.status}`);
    const body = JSON.stringify({ type: "about:blank", title: "Injected fault", status: fault.status });
    return new Response(body, { status: fault.status, headers: { "content-type": "application/problem+json" } });
  }
  if (fault.kind !== "delay") return undefined;
  counts.delay++;
  c.set("fault", `delay ${fault.delayMs}`);
  const leftMs = c.get("deadlineAtMs") - Date.now();
  await sleep(Math.max(0, Math.min(fault.delayMs, leftMs)));
  if (fault.delayMs < leftMs) return undefined;
  throw new SelvageError("deadline_exceeded", "an injected delay took all the time");
}

/** Sends copies of calls where nobody waits for them. One for each isolate. */
export class Mirror {
  readonly #counters: CounterState;
  #running = 0;

  constructor(counters: CounterState) {
    this.#counters = counters;
  }

  /**
   * @param call as it goes to the upstream; its content may be sent again when it is bytes
   * @param context of the call
   */
  copy(
    c: Context<GatewayEnv>,
    rules: readonly EdgeMirrorRule[],
    call: Omit<UpstreamCall, "priority">,
    context: CallContext,
    upstreams: Upstreams,
  ): void {
    const rule = rules.find((one) => matches(one, askedOf(c), fieldOf(c)));
    if (rule === undefined || Math.random() * 100 >= rule.percent) return;
    const { counts } = seriesOf(this.#counters, "mirror", context.route);
    if (call.body instanceof ReadableStream || this.#running >= limits.edgeTraffic.mirrorsMax) {
      counts.skipped++;
      return;
    }
    this.#running++;
    counts.sent++;
    const copy = { ...call, target: rule.to, fields: call.fields.copy(), priority: "low", isCopy: true } as const;
    const copied = send(callTarget(c, copy, context, upstreams), call.deadlineAtMs)
      .catch(() => {
        counts.failed++;
      })
      .finally(() => {
        this.#running--;
      });
    c.executionCtx.waitUntil(copied);
  }
}

/** Whether a request's content is to be held whole, so that it can be sent twice. @param bytes that it says it has; NaN: it does not say */
export const isCopied = (rules: readonly EdgeMirrorRule[], method: string, bytes: number): boolean =>
  bytes <= limits.edgeTraffic.mirrorBytesMax && rules.some(({ methods }) => methods.includes(method));

/** Reads the answer to its end where that is near, so that the connection can be used again. */
async function send(calling: Promise<Response>, deadlineAtMs: number): Promise<void> {
  const answer = await calling;
  const reader = answer.body?.getReader();
  if (reader === undefined) return;
  let bytes = 0;
  while (bytes <= limits.edgeTraffic.mirrorDrainBytesMax) {
    const read = await within(reader.read(), Math.max(0, deadlineAtMs - Date.now()));
    if (read === undefined || read.done) break;
    bytes += read.value.byteLength;
  }
  await reader.cancel();
}
