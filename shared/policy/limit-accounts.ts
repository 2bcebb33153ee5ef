/** Tokens that isolates hold in advance: what they said of them is booked, leases end, and new ones are lent. */
import { limits } from "../limits.ts";
import {
  type AccountReport,
  algorithmOf,
  availableOf,
  heldOf,
  type LimitAccount,
  type LimitAnswer,
  type LimiterState,
  leaseMsOf,
  lendableOf,
} from "./limiter-state.ts";

const bounds = limits.rateLimit;

/**
 * Leases that ended count as spent at that moment; their accounts are kept for as long as that counts. Empty ones are kept as
 * long as an isolate may be silent that still has requests: what it would use is not lent to others.
 */
export function endLeases({ accounts, history, settings }: LimiterState, nowMs: number): void {
  for (const [id, account] of Object.entries(accounts)) {
    if (account.expiresAtMs > nowMs) continue;
    if (account.tokens > 0) {
      algorithmOf(history).record(history, account.expiresAtMs, account.tokens, nowMs);
      account.lost = settings.counts === "concurrent" ? 0 : account.tokens;
      account.tokens = 0;
      account.inUse = 0;
    }
    const keptMs = account.lost > 0 && settings.counts !== "concurrent" ? settings.windowMs : bounds.refusedMsMax;
    if (account.expiresAtMs + keptMs <= nowMs) delete accounts[id];
  }
}

/**
 * Books what an isolate has spent since its last report. When, is what it says, between its last report and now.
 * @returns its account, and whether anything was booked; no account when the report is an old one or there are too many
 */
export function settleAccount(
  state: LimiterState,
  report: AccountReport,
  nowMs: number,
): { account: LimitAccount | undefined; booked: boolean } {
  const { history } = state;
  const algorithm = algorithmOf(history);
  const known = state.accounts[report.id];
  const spentAtMs = nowMs - Math.max(0, report.sinceSpentMs);
  if (known === undefined) {
    const unknown = Math.max(0, report.spent - report.acknowledged);
    if (unknown > 0) algorithm.record(history, spentAtMs, unknown, nowMs);
    return { account: openAccount(state, report, nowMs), booked: unknown > 0 };
  }
  if (report.seq <= known.seq) return { account: undefined, booked: false };
  const before = known.tokens - known.lost;
  let spent = Math.max(0, report.spent - known.spent);
  known.spent += spent;
  if (known.lost > 0) spent -= takeBackLost(state, known, spent, nowMs);
  const latestMs = Math.min(nowMs, known.expiresAtMs);
  if (spent > 0) algorithm.record(history, Math.min(latestMs, Math.max(spentAtMs, known.atMs)), spent, nowMs);
  known.tokens = Math.max(0, Math.min(report.left, known.tokens - spent));
  known.inUse = Math.min(report.inUse, known.tokens);
  known.seq = report.seq;
  known.atMs = nowMs;
  known.demand = report.demand;
  return { account: known, booked: spent > 0 || known.tokens !== before };
}

/** What was not spent of a lease that ended is free again. @returns how much of what was spent is counted already */
function takeBackLost({ history }: LimiterState, account: LimitAccount, spent: number, nowMs: number): number {
  const counted = Math.min(spent, account.lost);
  account.tokens = account.lost - counted;
  algorithmOf(history).refund(history, account.expiresAtMs, account.tokens, nowMs);
  account.lost = 0;
  return counted;
}

function openAccount(state: LimiterState, report: AccountReport, nowMs: number): LimitAccount | undefined {
  const { accounts } = state;
  const all = Object.entries(accounts);
  if (all.length >= bounds.accountsMax) {
    const empty = all.find(([, { tokens }]) => tokens === 0);
    if (empty === undefined) return undefined;
    delete accounts[empty[0]];
  }
  const { seq, spent, demand } = report;
  const account = { seq, spent, tokens: 0, inUse: 0, lost: 0, atMs: nowMs, expiresAtMs: nowMs, demand };
  accounts[report.id] = account;
  return account;
}

/** For requests that are there: spent now, or reserved in the account of their isolate. */
export function giveTokens(
  { settings, history }: LimiterState,
  account: LimitAccount | undefined,
  tokens: number,
  nowMs: number,
): void {
  if (tokens === 0) return;
  if (settings.counts === undefined || account === undefined) {
    algorithmOf(history).record(history, nowMs, tokens, nowMs);
    return;
  }
  account.tokens += tokens;
  account.inUse += tokens;
}

/**
 * For requests to come: the isolate's share, by demand, of what may be lent and of what there is. What it held before is
 * its own for the new lease too.
 */
export function lendTokens(
  state: LimiterState,
  account: LimitAccount,
  nowMs: number,
): Pick<LimitAnswer, "lent" | "leaseMs" | "idleMax"> {
  const { settings } = state;
  const leaseMs = leaseEndMs(state, nowMs) - nowMs;
  const idleMax = leaseMs < bounds.leaseMsMin ? 0 : shareOf(state, account, nowMs);
  const { tokens, inUse, lost } = heldOf(state);
  const room = Math.min(availableOf(state, nowMs), lendableOf(settings) - lost - (tokens - inUse));
  // Others may come: a new one leaves half of it to them.
  const lendable = account.atMs === account.expiresAtMs ? Math.ceil(room / 2) : room;
  const lent = Math.max(0, Math.min(idleMax - (account.tokens - account.inUse), lendable));
  account.tokens += lent;
  // What was reserved just now is spent at this moment at the earliest.
  account.expiresAtMs = Math.max(account.expiresAtMs, nowMs);
  if (leaseMs <= 0) return { lent, leaseMs: 0, idleMax };
  // A request that begins at the end of the lease has its slot until it ends.
  const runsMs = settings.counts === "concurrent" ? settings.windowMs : 0;
  account.expiresAtMs = nowMs + leaseMs + bounds.leaseMarginMs + runsMs;
  return { lent, leaseMs, idleMax };
}

function shareOf(state: LimiterState, { demand }: LimitAccount, nowMs: number): number {
  if (demand === 0) return 0;
  const { tokens, inUse } = heldOf(state);
  const demands = Object.values(state.accounts).reduce((sum, other) => sum + other.demand, 0);
  const pool = Math.min(lendableOf(state.settings), Math.max(0, availableOf(state, nowMs)) + tokens - inUse);
  return Math.min(Math.ceil(demand), Math.floor((pool * demand) / demands));
}

function leaseEndMs({ settings, history }: LimiterState, nowMs: number): number {
  const endsAtMs = algorithmOf(history).endsAtMs(history, nowMs) - bounds.leaseMarginMs;
  return Math.min(nowMs + leaseMsOf(settings), endsAtMs);
}
