/** The limits of an agent's own service that all its instances share, as its plans say them. */
import { isMeshLimit } from "../../shared/policy/call-limits.ts";
import type { KnownView } from "../control/known-view.ts";
import { LimitLink } from "../control/limit-link.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { MeshLimits } from "./mesh-limits.ts";

export class ServiceLimits {
  readonly link: LimitLink;
  readonly mesh: MeshLimits;
  readonly #view: () => KnownView;

  /** @param view asked when there is a plan */
  constructor(view: () => KnownView, metrics: Metrics) {
    this.#view = view;
    const service = (): string => view().plan?.plan.service ?? "";
    this.link = new LimitLink(service);
    this.mesh = new MeshLimits({
      link: this.link,
      instances: () => view().endpoints.services[service()]?.length ?? 1,
      onUncounted: (limit, answered) => {
        metrics.uncounted(limit, answered);
        this.link.uncounted(limit, answered);
      },
    });
    metrics.shadows.onJudged = (policy, error) => this.link.judged(policy, error);
  }

  /** What is held of limits that no plan has any more goes back. */
  usePlans(): void {
    const { plan, second } = this.#view();
    const plans = [plan, second.plan];
    this.mesh.leave(plans.flatMap((known) => (known?.plan.inbound?.rateLimits ?? []).filter(isMeshLimit)));
  }

  stop(): void {
    this.mesh.leave([]);
    this.link.stop();
  }
}
