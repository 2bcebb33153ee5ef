/** What policies in shadow have said of calls: counted for metrics and for the control plane, and noted with the call. */
import { policyName, type WouldRefuse } from "../../shared/http/access-log.ts";
import type { MetricFamily } from "../../shared/http/metrics-text.ts";
import type { CallFacts } from "../proxy/call.ts";

interface Judged {
  readonly policy: string;
  /** By the code that it would have been; empty: it would have passed. */
  readonly errors: Map<string, number>;
}

export class ShadowCounts {
  readonly #judged = new Map<string, Judged>();
  /** Hears of each call that was judged. */
  onJudged: (policy: string, error: string) => void = () => undefined;

  /** @param policy as `policyName` says it; a name of the plan, so that the series are bounded */
  passed(policy: string): void {
    this.#count(policy, "");
  }

  wouldRefuse(facts: CallFacts, one: WouldRefuse): void {
    facts.wouldRefuse = [...(facts.wouldRefuse ?? []), one];
    this.#count(policyName(one), one.error);
  }

  #count(policy: string, error: string): void {
    let known = this.#judged.get(policy);
    if (known === undefined) {
      known = { policy, errors: new Map() };
      this.#judged.set(policy, known);
    }
    known.errors.set(error, (known.errors.get(error) ?? 0) + 1);
    this.onJudged(policy, error);
  }

  families(): MetricFamily[] {
    const all = [...this.#judged.values()];
    const sum = ({ errors }: Judged): number => [...errors.values()].reduce((total, count) => total + count, 0);
    return [
      {
        name: "selvage_shadow_judged_total",
        type: "counter",
        help: "Calls that a policy in shadow has judged.",
        samples: all.map((one) => ({ labels: { policy: one.policy }, value: sum(one) })),
      },
      {
        name: "selvage_would_refuse_total",
        type: "counter",
        help: "Calls that a policy in shadow would have refused.",
        samples: all.flatMap(({ policy, errors }) =>
          [...errors].flatMap(([error, value]) => (error === "" ? [] : [{ labels: { policy, error }, value }])),
        ),
      },
    ];
  }
}
