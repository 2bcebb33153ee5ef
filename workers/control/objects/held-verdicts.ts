import { limits } from "../../../shared/limits.ts";
import type { Instance } from "../../../shared/policy/agent-sessions.ts";
import {
  adviceText,
  advisedOf,
  type FleetVerdict,
  type LastTold,
  mustTell,
} from "../../../shared/policy/fleet-verdict.ts";

/** Of a service, as its registry told it. */
export interface HeldVerdict {
  readonly service: string;
  readonly verdict: FleetVerdict;
  /** It holds until then, milliseconds since the epoch. */
  readonly untilMs: number;
}

/** What a hub knows. */
export interface HubStatus {
  readonly revision: number;
  readonly instances: readonly Instance[];
  readonly verdicts: readonly HeldVerdict[];
}

/** What registries told a hub of the services that its agents call. In memory alone: what still holds is told again. */
export class HeldVerdicts {
  readonly #byService = new Map<string, HeldVerdict>();
  /** What callers were told last, by service; none: nothing that holds still. */
  readonly #advised = new Map<string, LastTold>();

  /** @returns whether callers have to be told its advice */
  take(service: string, verdict: FleetVerdict, nowMs: number): boolean {
    this.#byService.set(service, { service, verdict, untilMs: nowMs + limits.fleet.verdictForMs });
    const text = adviceText(advisedOf(verdict));
    if (!mustTell(text, this.#advised.get(service), nowMs, limits.fleet.adviceAgainMs)) return false;
    if (text === "") this.#advised.delete(service);
    else this.#advised.set(service, { text, atMs: nowMs });
    return true;
  }

  held(nowMs: number): HeldVerdict[] {
    for (const [service, { untilMs }] of this.#byService) if (nowMs >= untilMs) this.#byService.delete(service);
    return [...this.#byService.values()];
  }
}
