/** Units as the document writes them: durations `300ms 10s 5m 1h`, sizes `64KiB 1MiB`, rates `100/minute`. */

const DURATION = /^(\d{1,9})(ms|s|m|h|d)$/;
const SIZE = /^(\d{1,9})(B|KiB|MiB|GiB)$/;
const RATE = /^(\d{1,10})\/(second|minute|hour|day|month|\d{1,9}(?:ms|s|m|h|d))$/;

const durationUnits: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const sizeUnits: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };
const rateUnits: Readonly<Record<string, number>> = {
  second: 1000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  month: 31 * 86_400_000,
};

export interface Rate {
  readonly limit: number;
  /** Of a month the longest. */
  readonly windowMs: number;
  /** Present: the window is a calendar month. */
  readonly calendar?: true;
}

/** Milliseconds of `300ms`, `10s`, `5m`, `1h` or `7d`; undefined for anything else. */
export function parseDurationMs(text: string): number | undefined {
  return scaled(DURATION.exec(text), durationUnits);
}

/** Milliseconds of a duration that may be left out. */
export const durationOr = (text: string | undefined, otherwiseMs: number): number =>
  parseDurationMs(text ?? "") ?? otherwiseMs;

/** Bytes of `512B`, `64KiB`, `1MiB` or `1GiB`; undefined for anything else. */
export function parseSizeBytes(text: string): number | undefined {
  return scaled(SIZE.exec(text), sizeUnits);
}

/** Limit and window of `100/minute` (second, minute, hour, day, month) or `100/30s`; undefined for anything else. */
export function parseRate(text: string): Rate | undefined {
  const match = RATE.exec(text);
  const limit = match?.[1];
  const unit = match?.[2];
  if (limit === undefined || unit === undefined) return undefined;
  const windowMs = rateUnits[unit] ?? parseDurationMs(unit);
  return windowMs === undefined
    ? undefined
    : { limit: Number(limit), windowMs, ...(unit === "month" && { calendar: true }) };
}

/** The shortest way to write a duration: 90000 is `90s`. */
export function formatDuration(ms: number): string {
  for (const unit of ["d", "h", "m", "s"]) {
    const size = durationUnits[unit] as number;
    if (ms >= size && ms % size === 0) return `${ms / size}${unit}`;
  }
  return `${ms}ms`;
}

/** The shortest way to write a size: 65536 is `64KiB`. */
export function formatSize(bytes: number): string {
  for (const unit of ["GiB", "MiB", "KiB"]) {
    const size = sizeUnits[unit] as number;
    if (bytes >= size && bytes % size === 0) return `${bytes / size}${unit}`;
  }
  return `${bytes}B`;
}

function scaled(match: RegExpExecArray | null, units: Readonly<Record<string, number>>): number | undefined {
  const amount = match?.[1];
  const unit = units[match?.[2] ?? ""];
  return amount === undefined || unit === undefined ? undefined : Number(amount) * unit;
}
