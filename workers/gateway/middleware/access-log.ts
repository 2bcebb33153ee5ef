import { type GatewayLogEntry, gatewayLogLine } from "../../../shared/http/access-log.ts";
import { TRACEPARENT } from "../../../shared/http/header-names.ts";
import { childContextOf, parseTraceparent, SPAN_DIGITS } from "../../../shared/http/trace-context.ts";
import { limits } from "../../../shared/limits.ts";
import type { PlanLease } from "../authority/plan-lease.ts";
import { Logging } from "../telemetry/logging.ts";
import type { RecordKeeper } from "../telemetry/record-keeper.ts";
import { clientIpOf } from "../upstream/client-ip.ts";
import type { Context } from "../upstream/context.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";
import { LineBuffer } from "../upstream/line-buffer.ts";
import { randomDigits } from "../upstream/random-digits.ts";
import type { Stage } from "../upstream/stages.ts";

/**
 * Continues or starts the trace, and writes one line for each request, whatever becomes of it.
 * @param instance the isolate's name
 * @param lease tells of live taps
 * @param keeper keeps some for later questions; absent: none is kept
 */
export function accessLog(instance: string, lease: Pick<PlanLease, "taps">, keeper?: RecordKeeper): Stage {
  const buffer = new LineBuffer((text) => console.log(text));
  const timeOf = isoTimes();
  const logging = new Logging();
  let waitMs: number | undefined;
  return {
    enter: (c) => {
      const request = c.req.raw;
      c.set("arrivedAtMs", Date.now());
      c.set("method", request.method);
      // The platform's object is read this once: each look into it is a way out of JavaScript and back, and an iterator is one more
      // object of the platform for the collector.
      const lines: [name: string, value: string][] = [];
      request.headers.forEach((value, name) => void lines.push([name, value]));
      const head = new Map(lines);
      c.set("lines", lines);
      c.set("head", head);
      const parent = parseTraceparent(head.get(TRACEPARENT));
      c.set("trace", childContextOf(parent, randomDigits(SPAN_DIGITS)));
      c.set("clientIp", clientIpOf(request, c.env.CLIENT_IP));
      return undefined;
    },
    leave: (c) => {
      const nowMs = c.get("answeredAtMs");
      c.get("trace").end?.(instance, nowMs);
      const held: GatewayEnv["Variables"]["held"] | undefined = c.get("held");
      const entry = entryOf(c, held, instance, timeOf(c.get("arrivedAtMs")), nowMs);
      c.get("explained")?.(entry);
      waitMs ??= logWaitMsOf(c.env.ACCESS_LOG_WAIT_MS);
      const waits = waitMs;
      const write = (): void => {
        lease.taps?.see(entry, c, nowMs);
        keeper?.see(entry, c);
        const wouldRefuse = c.get("wouldRefuse");
        buffer.add(gatewayLogLine(entry, wouldRefuse), waits, nowMs, () => c.executionCtx);
        const told = held?.plan.telemetry;
        if (told?.logs !== undefined) logging.see(c, told, { entry, wouldRefuse, nowMs });
      };
      const shadows = c.get("shadows");
      // The line waits for what they say, the answer does not.
      if (shadows === undefined) write();
      else c.executionCtx.waitUntil(shadows.then(write));
    },
  };
}

/** Times as RFC 3339 has them. Requests of one second share all but its fraction. @returns a function of milliseconds since 1970 */
function isoTimes(): (ms: number) => string {
  let secondMs = Number.NaN;
  let second = "";
  return (ms) => {
    const fractionMs = ms % 1000;
    if (ms - fractionMs !== secondMs) {
      secondMs = ms - fractionMs;
      second = new Date(secondMs).toISOString().slice(0, -"000Z".length);
    }
    return `${second}${String(fractionMs).padStart(3, "0")}Z`;
  };
}

/** What is no number of milliseconds asks for no wait. */
function logWaitMsOf(told: string | undefined): number {
  if (told === undefined || !/^\d{1,5}$/.test(told)) return 0;
  return Math.min(Number(told), limits.gateway.logWaitMsMax);
}

function entryOf(
  c: Context<GatewayEnv>,
  held: GatewayEnv["Variables"]["held"] | undefined,
  instance: string,
  time: string,
  nowMs: number,
): GatewayLogEntry {
  const { traceId, spanId } = c.get("trace");
  const failure = c.get("failure");
  const { logTextCharsMax } = limits.gateway;
  // What inner stages set is absent when the request did not get that far.
  const target: GatewayEnv["Variables"]["target"] | undefined = c.get("target");
  const route: GatewayEnv["Variables"]["route"] | undefined = c.get("route");
  const identity: GatewayEnv["Variables"]["identity"] | undefined = c.get("identity");
  const called = c.get("called");
  return {
    time,
    kind: "access",
    hop: "gateway",
    service: "gateway",
    instance,
    traceId,
    spanId,
    method: c.get("method"),
    host: target?.host.slice(0, logTextCharsMax) ?? "",
    path: target?.path.slice(0, logTextCharsMax) ?? "",
    status: c.res.status,
    durationMs: nowMs - c.get("arrivedAtMs"),
    plan: held?.version ?? 0,
    route: route?.name,
    sub: identity?.sub,
    clientIp: c.get("clientIp"),
    peer: called?.upstream,
    endpoint: called?.target,
    attempts: called?.attempts,
    cache: c.get("cacheUse"),
    error: failure?.code,
    reason: failure?.reason,
    variant: c.get("variant")?.name,
    fault: c.get("fault"),
    grpcStatus: c.get("grpcStatus"),
    uncounted: c.get("uncounted"),
  };
}
