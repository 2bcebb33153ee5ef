/**
 * Which of two plans decides a request: the one that its caller was decided by, from the gateway to the last hop. Agents tell
 * each other in a field that nobody else can set. What an application calls belongs to the request that it serves: while that
 * is under way its trace says so.
 */
import { PLAN_VERSION, TRACEPARENT } from "../../shared/http/header-names.ts";
import { parseTraceparent, type TraceContext } from "../../shared/http/trace-context.ts";
import type { SecondVersion } from "../discovery/second-version.ts";
import type { Call } from "../proxy/call.ts";
import type { RequestHead } from "../proxy/engine.ts";
import type { KnownPlan } from "./known-plan.ts";

/** While there are two; or while nobody could tell this agent of a second one, which requests may name. */
export interface TwoPlans {
  readonly stable: KnownPlan;
  readonly second: KnownPlan | undefined;
}

interface Served {
  readonly spanId: string;
  readonly epoch: string;
}

export class Versions {
  /** Undefined: one plan decides all, and requests are not asked. */
  two: TwoPlans | undefined;
  /** Requests that named a version which is not held. */
  unknown = 0;
  /** Requests under way by their trace, each with the version that decides it. */
  readonly #served = new Map<string, Served[]>();

  /** @param isAlone nobody could tell of another plan, which requests may name */
  use(stable: KnownPlan | undefined, second: KnownPlan | undefined, isAlone: boolean): void {
    const isAsked = second !== undefined || isAlone;
    this.two = stable !== undefined && isAsked ? { stable, second } : undefined;
  }

  /** What the second plan says of services. */
  get beside(): SecondVersion | undefined {
    const second = this.two?.second;
    return second && { epoch: epochOf(second), services: second.plan.outbound };
  }

  /** The plan that decides a request of another agent. @param stable where there is no other */
  of({ fields }: RequestHead, stable: KnownPlan): KnownPlan {
    return this.two === undefined ? stable : this.named(this.two, fields.get(PLAN_VERSION));
  }

  /** The plan of the version that a request names; the stable one where it names none, or one that is not held. */
  named({ stable, second }: TwoPlans, epoch: string | undefined): KnownPlan {
    if (epoch === undefined || epoch === epochOf(stable)) return stable;
    if (second !== undefined && epoch === epochOf(second)) return second;
    this.unknown++;
    return stable;
  }

  /** A request that the application is given: what it calls meanwhile is decided by the same version. */
  serve(call: Call, plan: KnownPlan): void {
    const { trace } = call;
    if (trace === undefined) return;
    const { traceId, spanId } = trace;
    const served = { spanId, epoch: epochOf(plan) };
    const others = this.#served.get(traceId);
    if (others === undefined) this.#served.set(traceId, [served]);
    else others.push(served);
    call.onFinish(() => this.#leave(traceId, served));
  }

  /** The version that a call of the application belongs to; undefined: nobody knows, it begins here. */
  callOf({ exchange, trace }: Call): string | undefined {
    const served = this.#served.get(trace?.traceId ?? "");
    const [first] = served ?? [];
    if (served === undefined || served.every(({ epoch }) => epoch === first?.epoch)) return first?.epoch;
    // Of a trace with requests by both, an application that passes the field on as it got it names its own.
    const parent: TraceContext | undefined = parseTraceparent(exchange.head.fields.get(TRACEPARENT));
    return served.find(({ spanId }) => spanId === parent?.spanId)?.epoch;
  }

  #leave(traceId: string, served: Served): void {
    const left = this.#served.get(traceId)?.filter((one) => one !== served) ?? [];
    if (left.length === 0) this.#served.delete(traceId);
    else this.#served.set(traceId, left);
  }
}

/** A version's name in requests. */
export const epochOf = ({ version }: KnownPlan): string => String(version);
