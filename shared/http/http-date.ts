/** Dates of fields (RFC 9110 section 5.6.7). */

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAY = "(?:mon|tue|wed|thu|fri|sat|sun)";
const MONTH = `(${MONTHS.join("|")})`;
const TIME = "(\\d{2}):(\\d{2}):(\\d{2})";
const LONG_DAY = "(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)";

const IMF_FIXDATE = new RegExp(`^${DAY}, (\\d{2}) ${MONTH} (\\d{4}) ${TIME} gmt$`, "i");
const RFC850 = new RegExp(`^${LONG_DAY}, (\\d{2})-${MONTH}-(\\d{2}) ${TIME} gmt$`, "i");
const ASCTIME = new RegExp(`^${DAY} ${MONTH} (\\d{2}| \\d) ${TIME} (\\d{4})$`, "i");

/**
 * A date in one of the three forms that a recipient has to know; in any case of letters, and otherwise to the letter: another
 * time zone or one more space is no date.
 * @param nowMs tells what two digits of a year mean
 * @returns milliseconds since the epoch
 */
export function parseHttpDate(text: string, nowMs: number): number | undefined {
  const fixed = IMF_FIXDATE.exec(text);
  if (fixed !== null) return utc(fixed[3], fixed[2], fixed[1], fixed.slice(4));
  const old = RFC850.exec(text);
  if (old !== null) return utc(fullYear(Number(old[3]), nowMs), old[2], old[1], old.slice(4));
  const asc = ASCTIME.exec(text);
  return asc === null ? undefined : utc(asc[6], asc[1], asc[2], asc.slice(3, 6));
}

/** As IMF-fixdate. */
export function formatHttpDate(ms: number): string {
  return new Date(ms).toUTCString();
}

/** More than 50 years ahead means the past (RFC 9110 section 5.6.7). */
function fullYear(twoDigits: number, nowMs: number): number {
  const now = new Date(nowMs).getUTCFullYear();
  const year = now - (now % 100) + twoDigits;
  if (year > now + 50) return year - 100;
  return year < now - 49 ? year + 100 : year;
}

function utc(
  year: string | number | undefined,
  month: string | undefined,
  day: string | undefined,
  time: readonly (string | undefined)[],
): number | undefined {
  const [hours, minutes, seconds] = time.map(Number) as [number, number, number];
  const monthIndex = MONTHS.indexOf((month ?? "").toLowerCase());
  // A leap second is the last one of its minute, which has no 61st.
  if (hours > 23 || minutes > 59 || seconds > 60) return undefined;
  const ms = Date.UTC(Number(year), monthIndex, Number(day), hours, minutes, Math.min(seconds, 59));
  return new Date(ms).getUTCDate() === Number(day) ? ms : undefined;
}
