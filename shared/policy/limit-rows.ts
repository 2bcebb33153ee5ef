/** Which of a limit's values hold for a caller: those of the consumer, else those of its plan, else the limit's own. */
import type { Identity } from "../identity/identity.ts";
import type { RateLimitSettings } from "./settings.ts";

/** What holds instead of a limit's own numbers, whole; how long slots are held is the limit's in any case. */
export type LimitRow =
  | "unlimited"
  | (Pick<RateLimitSettings, "limit" | "burst" | "window"> & Partial<Pick<RateLimitSettings, "windowMs">>);

export interface LimitRows {
  readonly plans?: Readonly<Record<string, LimitRow>>;
  readonly consumers?: Readonly<Record<string, LimitRow>>;
}

export interface ChosenRow {
  readonly by: "consumer" | "plan";
  readonly name: string;
  readonly row: LimitRow;
}

/** @returns undefined: the limit's own numbers hold */
export function chooseRow(
  { plans, consumers }: LimitRows,
  { plan, consumer }: Pick<Identity, "plan" | "consumer">,
): ChosenRow | undefined {
  const own = rowOf(consumers, consumer);
  if (own !== undefined) return { by: "consumer", name: consumer as string, row: own };
  const shared = rowOf(plans, plan);
  return shared === undefined ? undefined : { by: "plan", name: plan as string, row: shared };
}

/** Names come from tokens: those of built-in members are not found. */
function rowOf(rows: Readonly<Record<string, LimitRow>> | undefined, name: string | undefined): LimitRow | undefined {
  return rows !== undefined && name !== undefined && Object.hasOwn(rows, name) ? rows[name] : undefined;
}

/** A limit with the numbers of a row. @returns undefined where the row lifts the limit */
export function withRow(settings: RateLimitSettings, row: LimitRow): RateLimitSettings | undefined {
  if (row === "unlimited") return undefined;
  const { burst: _burst, window: _window, ...rest } = settings;
  return { ...rest, ...row };
}

/** For each of some limits the row that holds for a caller; undefined: the limit's own numbers. */
export function chooseRows(
  limitRows: Readonly<Record<string, LimitRows>>,
  all: readonly RateLimitSettings[],
  identity: Pick<Identity, "plan" | "consumer">,
): (ChosenRow | undefined)[] {
  return all.map(({ rows }) => {
    const own = rows === undefined ? undefined : limitRows[rows];
    return own && chooseRow(own, identity);
  });
}

/** The limits with their rows; one that is lifted is not among them. */
export function withRows(
  all: readonly RateLimitSettings[],
  chosen: readonly (ChosenRow | undefined)[],
): readonly RateLimitSettings[] {
  return all.flatMap((settings, at) => {
    const row = chosen[at]?.row;
    return row === undefined ? settings : (withRow(settings, row) ?? []);
  });
}
