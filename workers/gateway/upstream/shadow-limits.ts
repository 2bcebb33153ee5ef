/** Limits in shadow: tokens are taken of them as of any other, each for itself, and no request waits for what they say. */
import type { RateLimitSettings } from "../../../shared/policy/settings.ts";
import type { LimitCaller, LimitTaker, TakenLimits, WantedLimit } from "./take-limits.ts";

export interface ShadowVerdict {
  readonly settings: RateLimitSettings;
  /** `uncounted`: it could not be asked. */
  readonly verdict: "admitted" | "refused" | "uncounted";
}

export interface ShadowLimits {
  /** Never fails; as late as a limiter may answer at most. */
  readonly verdicts: Promise<readonly ShadowVerdict[]>;
  /** The request is over, also before they have answered. @param used as for `TakenLimits` */
  finish(used: (settings: RateLimitSettings) => number): void;
}

/**
 * Whoever is refused by one of them would be refused by that one alone, so none gives back what another would have refused.
 * @param wanted all in shadow
 */
export function takeShadows(taker: LimitTaker, caller: LimitCaller, wanted: readonly WantedLimit[]): ShadowLimits {
  const all = wanted.map((one) => ({ one, taking: taker.take(caller, [one]).catch(() => undefined) }));
  const verdicts = Promise.all(
    all.map(
      async ({ one: { settings }, taking }): Promise<ShadowVerdict> => ({ settings, verdict: verdictOf(await taking) }),
    ),
  );
  caller.background(verdicts);
  return {
    verdicts,
    finish: (used) => {
      for (const { taking } of all) caller.background(taking.then((taken) => taken?.finish(used)));
    },
  };
}

function verdictOf(taken: TakenLimits | undefined): ShadowVerdict["verdict"] {
  const [outcome] = taken?.outcomes ?? [];
  if (outcome === undefined) return "uncounted";
  return outcome[1].admitted ? "admitted" : "refused";
}
