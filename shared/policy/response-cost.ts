/** What an answer says that its request used. */
import { unescapeKey } from "../http/json-pointer.ts";
import type { ResponseCost } from "./settings.ts";

export interface CostAnswer {
  readonly status: number;
  /** Value of the field that the settings name. */
  readonly field: string | null;
  /** What JSON pointers into the body lead to, as far as it was read. */
  readonly told: ReadonlyMap<string, unknown>;
}

/**
 * A failed request that says nothing used nothing; one that succeeded and says nothing used what was reserved for it.
 * @param name of the limit, for fields that tell several
 */
export function usedOf(cost: ResponseCost, name: string, { status, field, told }: CostAnswer): number {
  const used =
    (cost.header !== undefined && field !== null ? costInField(field, name) : undefined) ??
    (cost.body !== undefined ? wholeNumber(told.get(cost.body)) : undefined);
  return used ?? (status >= 400 ? 0 : cost.estimate);
}

/** `42`, or `sms=3, mail=1` where a limit has one of these names. */
function costInField(field: string, name: string): number | undefined {
  for (const item of field.split(",")) {
    const [first = "", second] = item.split("=").map((text) => text.trim());
    const number = second === undefined ? first : first === name ? second : "";
    if (/^\d{1,15}$/.test(number)) return Number(number);
  }
  return undefined;
}

function wholeNumber(value: unknown): number | undefined {
  return typeof value === "number" && value >= 0 && value <= Number.MAX_SAFE_INTEGER ? Math.ceil(value) : undefined;
}

/** JSON pointer, RFC 6901 section 4. @returns undefined where it leads nowhere */
export function pointTo(value: unknown, pointer: string): unknown {
  let found = value;
  for (const token of pointer.split("/").slice(1)) {
    const name = unescapeKey(token);
    if (typeof found !== "object" || found === null || !Object.hasOwn(found, name)) return undefined;
    if (Array.isArray(found) && !/^\d+$/.test(name)) return undefined;
    found = (found as Record<string, unknown>)[name];
  }
  return found;
}
