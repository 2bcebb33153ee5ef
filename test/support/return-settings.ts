import type { ReturnSettings } from "../../shared/policy/return-slots.ts";

/** For tests that are about something else than who comes back when. */
export const RETURNS: ReturnSettings = {
  ...{ returnSpreadMs: 10_000, returnGapMaxMs: 200, returnAtOnceMs: 100, returnEarlyMs: 100 },
};
