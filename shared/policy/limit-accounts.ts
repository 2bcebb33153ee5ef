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
export function endLeases(state: LimiterState, nowMs: number): void {
  const { accounts, history, settings } = state;
  if (history.kind === "lent") {
    endSilent(state, nowMs);
    return;
  }
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
 * The same in a shard, whose tokens the limiter counts as held: leases that ended stay in their accounts until what was spent
 * of them counts no more, whenever it was. Then they are free again, but of a burst, which drains only what is counted.
 */
function endSilent(state: LimiterState, nowMs: number): void {
  const keptMs = state.settings.counts === "concurrent" ? 0 : state.settings.windowMs;
  for (const [id, account] of Object.entries(state.accounts)) {
    if (account.expiresAtMs + bounds.refusedMsMax <= nowMs) account.demand = 0;
    if (account.expiresAtMs + (account.tokens === 0 ? bounds.refusedMsMax : keptMs) > nowMs) continue;
    if (state.settings.burst !== undefined) endAccount(state, account, nowMs);
    delete state.accounts[id];
  }
}

/** What it holds counts as spent now. */
function endAccount({ history }: LimiterState, account: LimitAccount, nowMs: number): void {
  if (account.tokens > 0) algorithmOf(history).record(history, nowMs, account.tokens, nowMs);
  account.tokens = 0;
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
    const unknown = unknownOf(state, report);
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
  if (report.asked !== undefined) known.asked = report.asked;
  return { account: known, booked: spent > 0 || known.tokens !== before };
}

/**
 * What was spent of an account that is not known. A shard was evicted then, or its lease has ended: the limiter holds, or has
 * counted, all that it ever lent; only costs may have been higher.
 */
function unknownOf({ history, settings }: LimiterState, { spent, acknowledged }: AccountReport): number {
  return history.kind === "lent" && settings.counts !== "cost" ? 0 : Math.max(0, spent - acknowledged);
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
    const over = ({ tokens, expiresAtMs }: LimitAccount): boolean => tokens === 0 || expiresAtMs <= nowMs;
    const ended = all.find(([, known]) => over(known));
    if (ended === undefined) return undefined;
    endAccount(state, ended[1], nowMs);
    delete accounts[ended[0]];
  }
  const { seq, spent, demand, asked } = report;
  const account = { seq, spent, tokens: 0, inUse: 0, lost: 0, atMs: nowMs, expiresAtMs: nowMs, demand };
  if (asked !== undefined) Object.assign(account, { asked });
  accounts[report.id] = account;
  return account;
}

/** For requests that are there: spent now, or reserved in the account of their isolate, and always in that of a shard. */
export function giveTokens(
  { settings, history }: LimiterState,
  account: LimitAccount | undefined,
  tokens: number,
  nowMs: number,
): void {
  if (tokens === 0) return;
  if (account === undefined || (settings.counts === undefined && account.asked === undefined)) {
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
  const isShard = account.asked !== undefined;
  const leaseMs = isShard ? bounds.leaseMsMax : leaseEndMs(state, nowMs) - nowMs;
  const idleMax = leaseMs < bounds.leaseMsMin ? 0 : shareOf(state, account, nowMs);
  const { tokens, inUse, lost } = heldOf(state);
  const waiting = state.history.kind === "lent" ? state.history.waiting : 0;
  const room = Math.min(availableOf(state, nowMs) - waiting, lendableNow(state) - lost - (tokens - inUse));
  // Others may come: a new one leaves half of it to them.
  const lendable = account.atMs === account.expiresAtMs ? Math.ceil(room / 2) : room;
  const lent = Math.max(0, Math.min(idleMax - (account.tokens - account.inUse), lendable));
  account.tokens += lent;
  // What was reserved just now is spent at this moment at the earliest.
  account.expiresAtMs = Math.max(account.expiresAtMs, nowMs);
  if (leaseMs <= 0) return { lent, leaseMs: 0, idleMax };
  // A request that begins at the end of the lease has its slot until it ends.
  const runsMs = settings.counts === "concurrent" ? settings.windowMs : 0;
  const marginMs = isShard ? 2 * bounds.leaseMarginMs : bounds.leaseMarginMs;
  account.expiresAtMs = nowMs + leaseMs + marginMs + runsMs;
  return { lent, leaseMs, idleMax };
}

function shareOf(state: LimiterState, { demand }: LimitAccount, nowMs: number): number {
  if (demand === 0) return 0;
  const { tokens, inUse } = heldOf(state);
  const demands = Object.values(state.accounts).reduce((sum, other) => sum + other.demand, 0);
  const pool = Math.min(lendableNow(state), Math.max(0, availableOf(state, nowMs)) + tokens - inUse);
  return Math.min(Math.ceil(demand), Math.floor((pool * demand) / demands));
}

/** A shard keeps half of its share, so that not every question of an isolate becomes one to the limiter. */
function lendableNow({ settings, history }: LimiterState): number {
  return history.kind === "lent" ? Math.floor(history.idleMax / 2) : lendableOf(settings);
}

function leaseEndMs({ settings, history }: LimiterState, nowMs: number): number {
  const endsAtMs = algorithmOf(history).endsAtMs(history, nowMs) - bounds.leaseMarginMs;
  return Math.min(nowMs + leaseMsOf(settings), endsAtMs);
}
