/** When an isolate has a shard confirm what it remembers of it: once in a while, one question at a time, later after a failure. */

export interface ShardConfirmation {
  /** When the question was sent whose answer is the youngest; 0: never. */
  confirmedAtMs: number;
  /** When the confirmation that runs now began, 0: none; and not before when the next one may. */
  confirmingSinceMs: number;
  retryAtMs: number;
}

export interface ConfirmationSettings {
  readonly confirmAfterMs: number;
  /** A question counts as lost after this. */
  readonly shardWaitMs: number;
  readonly confirmRetryMs: number;
}

export const neverConfirmed = (): ShardConfirmation => ({ confirmedAtMs: 0, confirmingSinceMs: 0, retryAtMs: 0 });

/** Begins one when that is due and not under way. @returns whether the shard is to be asked */
export function beginConfirming(
  view: ShardConfirmation,
  { confirmAfterMs, shardWaitMs }: ConfirmationSettings,
  nowMs: number,
): boolean {
  if (nowMs - view.confirmedAtMs < confirmAfterMs || nowMs < view.retryAtMs) return false;
  if (view.confirmingSinceMs !== 0 && nowMs - view.confirmingSinceMs < shardWaitMs) return false;
  view.confirmingSinceMs = nowMs;
  return true;
}

/** @param answered whether the shard did; what it said is the caller's */
export function endConfirming(
  view: ShardConfirmation,
  { confirmRetryMs }: ConfirmationSettings,
  answered: boolean,
  nowMs: number,
): void {
  view.confirmingSinceMs = 0;
  view.retryAtMs = answered ? 0 : nowMs + confirmRetryMs;
}
