/** A canary as an isolate holds it: what `workers/gateway/authority/held-canary.ts` does with plans. */
import type { choosesCanary } from "../../../shared/policy/canary-choice.ts";
import type { CanaryTerms } from "../../../shared/policy/canary-rollout.ts";
import { type CounterState, newCounters, seriesKey, seriesOf } from "../../../shared/policy/counters.ts";
import type { HeldCanary } from "../../../shared/policy/lease.ts";
import type { CanaryGrant, MeshPlan } from "./messages.ts";

export class IsolateCanary {
  readonly terms: CanaryTerms;
  /** Undefined: it was told of it without the version's face, and did not have that. */
  readonly face: MeshPlan | undefined;

  private constructor(terms: CanaryTerms, face: MeshPlan | undefined) {
    this.terms = terms;
    this.face = face;
  }

  static take({ face, ...terms }: CanaryGrant, before: IsolateCanary | undefined): IsolateCanary {
    const isSame = before?.terms.version === terms.version && before.terms.hash === terms.hash;
    return new IsolateCanary(terms, (isSame ? before.face : undefined) ?? face);
  }

  get reported(): HeldCanary | undefined {
    const { version, hash, share } = this.terms;
    return this.face && { version, hash, share };
  }

  /** What the control plane waits to hear of. */
  get told(): string {
    const { version, hash, share } = this.terms;
    return `${version} ${hash} ${share}`;
  }
}

/** What an isolate counts of two versions; all requests are of one route. */
export class VersionCounts {
  readonly counters: CounterState = newCounters();
  readonly #versions = new Set<number>();

  add(version: number, isError: boolean): void {
    this.#versions.add(version);
    const { counts } = seriesOf(this.counters, "version", String(version), ROUTE);
    counts.requests++;
    if (isError) counts.errors++;
  }

  forget(): void {
    for (const version of this.#versions) this.counters.series.delete(seriesKey("version", [String(version), ROUTE]));
    this.#versions.clear();
  }
}

const ROUTE = "all";

/** A client, as far as the choice of a version looks at it. */
export interface Client {
  readonly clientIp: string;
  readonly traceId: string;
  readonly asks: boolean;
}

export const HEADER = { header: "x-version", value: "next" } as const;

/** Whether a request is the canary's. */
export function isOfCanary(
  chooses: typeof choosesCanary,
  terms: CanaryTerms,
  { clientIp, traceId, asks }: Client,
): boolean {
  const header = (name: string): string | undefined => (asks && name === HEADER.header ? HEADER.value : undefined);
  return chooses(terms, { header, clientIp, traceId });
}
