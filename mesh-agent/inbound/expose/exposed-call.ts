import type { ConditionRequest } from "../../../shared/auth/condition.ts";
import type { FieldList } from "../../../shared/http/field-list.ts";
import type { RequestTarget } from "../../../shared/http/request-target.ts";
import { anonymous, type Identity } from "../../../shared/identity/identity.ts";
import type { RoutePlan } from "../../../shared/plan/plan.ts";
import type { ResponseHead, ServerExchange } from "../../proxy/engine.ts";
import { InboundCall } from "../inbound-call.ts";
import type { HeldExposure } from "./held-exposure.ts";

/** A call that came in from the outside. What stages fill in is there for those inside of them. */
export class ExposedCall extends InboundCall {
  readonly held: HeldExposure;
  /** check-head */
  receivedTarget: RequestTarget | undefined;
  /** Fields that end here, lower case. */
  dropped: readonly string[] = [];
  /** match-request */
  matched: MatchedRequest | undefined;
  /** authenticate */
  identity: Identity = anonymous;
  readonly #onAnswer: ((head: ResponseHead) => void)[] = [];

  constructor(exchange: ServerExchange, held: HeldExposure, nowMs: number) {
    super(exchange, held.known, nowMs);
    this.held = held;
    this.onRespond((head) => {
      for (const callback of this.#onAnswer.toReversed()) callback(head);
    });
  }

  /** Called with the final answer's head on its way out: what an outer stage says stands over what an inner one said. */
  onAnswer(callback: (head: ResponseHead) => void): void {
    this.#onAnswer.push(callback);
  }

  /** The route, for stages inside of the one that finds it. */
  get match(): MatchedRequest {
    return known(this.matched);
  }

  get target(): RequestTarget {
    return known(this.receivedTarget);
  }

  /** Value of a request field, its lines joined (RFC 9110 section 5.3). @param name in lower case */
  readonly field = (name: string): string | null => joined(this.exchange.head.fields, name);

  /** As expressions see the request. */
  asked(): ConditionRequest {
    const headers: Record<string, string> = {};
    for (const [name, value] of this.exchange.head.fields) {
      const lower = name.toLowerCase();
      headers[lower] = Object.hasOwn(headers, lower) ? `${headers[lower]}, ${value}` : value;
    }
    return { method: this.exchange.head.method, host: this.target.host, path: this.match.path, headers };
  }
}

export interface MatchedRequest {
  readonly route: RoutePlan;
  readonly params: Readonly<Record<string, string>>;
  /** Normalised. */
  readonly path: string;
}

function joined(fields: FieldList, name: string): string | null {
  const [first, ...others] = fields.getAll(name);
  if (first === undefined) return null;
  return others.length === 0 ? first : [first, ...others].join(", ");
}

function known<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("a stage ran before the one that it builds on");
  return value;
}
