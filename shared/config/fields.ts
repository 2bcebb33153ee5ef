/**
 * The leaves that the schema is made of. The `error` of a leaf is not a sentence but the noun phrase of what is
 * expected ("a duration such as ..."), from which `schema-problems.ts` makes the sentence.
 */
import * as z from "zod";
import { isNetwork } from "../http/address-list.ts";
import { limits } from "../limits.ts";
import { formatDuration, formatSize, parseDurationMs, parseRate, parseSizeBytes } from "./units.ts";

type Suggest = (given: unknown) => string | undefined;
const suggesters = new Map<string, Suggest>();

/** What could be written instead of a value that is not what was expected. @param expected the leaf's noun phrase */
export function suggestValue(expected: string, given: unknown): string | undefined {
  return suggesters.get(expected)?.(given);
}

/** A text of a certain form. `expected` is a noun phrase and the key under which `suggest` is found again. */
export function text(expected: string, pattern: RegExp, suggest?: Suggest) {
  if (suggest !== undefined) suggesters.set(expected, suggest);
  const max = limits.document.textBytesMax;
  // Both at once: each call of a method makes the schema anew, and there are hundreds of texts.
  return z
    .string({ error: expected })
    .check(z.maxLength(max, { error: `a text of at most ${max} characters` }), z.regex(pattern, { error: expected }));
}

/** A name that others refer to. Names of built-in members of objects are refused: no look-up may ever find those. */
export function name(what: string, pattern: RegExp = /^[A-Za-z][A-Za-z0-9_-]{0,62}$/) {
  const expected = `${what}: a letter, then letters, digits, _ or -, at most 63 characters`;
  return text(expected, pattern).refine((value) => !(value in Object.prototype), {
    error: "a name that is not a built-in word of JavaScript",
  });
}

export const serviceName = text(
  "a service name: lower-case letters, digits and - inside, at most 63 characters",
  /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
  (given) =>
    typeof given === "string" && /^[A-Za-z0-9_-]+$/.test(given) ? given.toLowerCase().replaceAll("_", "-") : undefined,
).refine((value) => !(value in Object.prototype), { error: "a name that is not a built-in word of JavaScript" });

/** A duration between two bounds in milliseconds. */
export function duration(minMs: number, maxMs: number) {
  const range = `between ${formatDuration(minMs)} and ${formatDuration(maxMs)}`;
  return text("a duration such as 300ms, 10s, 5m or 1h", /^\d{1,9}(ms|s|m|h|d)$/, suggestDuration).refine(
    (value) => within(parseDurationMs(value), minMs, maxMs),
    { error: `a duration ${range}` },
  );
}

/** A size between two bounds in bytes. */
export function size(minBytes: number, maxBytes: number) {
  return text("a size such as 64KiB or 1MiB", /^\d{1,9}(B|KiB|MiB|GiB)$/, suggestSize).refine(
    (value) => within(parseSizeBytes(value), minBytes, maxBytes),
    { error: `a size between ${formatSize(minBytes)} and ${formatSize(maxBytes)}` },
  );
}

export const rate = text(
  "a rate such as 100/minute, 10/second or 50/30s",
  /^\d{1,10}\/(second|minute|hour|day|month|\d{1,9}(ms|s|m|h|d))$/,
  suggestRate,
).refine(
  (value) => {
    const parsed = parseRate(value);
    return (
      within(parsed?.limit, 1, limits.rateLimit.limitMax) && within(parsed?.windowMs, 1, limits.rateLimit.windowMsMax)
    );
  },
  {
    error: `a rate of 1 to ${limits.rateLimit.limitMax} requests in at most ${formatDuration(limits.rateLimit.windowMsMax)}`,
  },
);

/** A whole number between two bounds. */
export function whole(min: number, max: number) {
  const expected = `a whole number from ${min} to ${max}`;
  suggesters.set(expected, (given) =>
    typeof given === "string" && /^\d{1,9}$/.test(given.trim()) ? given.trim() : undefined,
  );
  return z.int({ error: expected }).check(z.gte(min, { error: expected }), z.lte(max, { error: expected }));
}

/** Any number between two bounds. */
export function between(min: number, max: number) {
  const error = `a number from ${min} to ${max}`;
  return z.number({ error }).min(min, { error }).max(max, { error });
}

/** An instant in UTC, to the second (RFC 3339). */
export const instant = text(
  "a time of UTC such as 2026-01-31T12:00:00Z",
  /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/,
).refine((value) => exists(value), { error: "a time that exists" });

/** `Date.parse` takes the 30th of February for a day in March. */
function exists(instant: string): boolean {
  const ms = Date.parse(instant);
  return !Number.isNaN(ms) && new Date(ms).toISOString().slice(0, 19) === instant.slice(0, 19);
}

export const flag = z.boolean({ error: "true or false" });

/** Whatever could refuse requests and is only to be watched says so by this key. */
export const mode = z
  .enum(["enforce", "shadow"], { error: "enforce or shadow" })
  .describe("`shadow`: decided, counted and logged, and nobody is refused. Default: enforce.");

/** Another way to say it, and where `mode` says how a limit counts the way to say both. */
export const shadow = flag.describe("`true`: the same as `mode: shadow`. Default: false.");

export const method = text(
  "a method in upper case such as GET",
  /^(?!(?:CONNECT|TRACE)$)[A-Z][A-Z0-9_-]{0,31}$/,
  (given) => (typeof given === "string" && /^[A-Za-z]+$/.test(given) ? given.toUpperCase() : undefined),
);

/** RFC 9110 section 5.1; compared without case. */
export const headerName = text("a header name", /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/);

/** RFC 9110 section 5.5: visible characters, spaces and tabs inside. */
export const headerValue = text(
  "a header value: one line of visible ASCII text",
  /^(?:[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?)?$/,
  (given) => (typeof given === "number" || typeof given === "boolean" ? JSON.stringify(String(given)) : undefined),
);

/** Scope tokens, RFC 6749 section 3.3. */
export const scope = text(
  "a scope: visible characters without space, quote and backslash",
  /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/,
);

export const host = text(
  "a host name without port such as api.example.com, *.example.com or 127.0.0.1",
  /^(?:\*\.)?(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$|^\[[0-9A-Fa-f:.]{2,45}\]$/,
  (given) =>
    typeof given === "string" ? /^(?:https?:\/\/)?([\w.*-]+)(?::\d*)?(?:\/.*)?$/.exec(given)?.[1] : undefined,
);

export const network = text(
  "an IP address or network such as 127.0.0.1 or 10.0.0.0/8",
  /^[0-9A-Fa-f.:]{2,45}(?:\/\d{1,3})?$/,
).refine(isNetwork, { error: "an IP address or network such as 127.0.0.1 or 10.0.0.0/8" });

function within(value: number | undefined, min: number, max: number): boolean {
  return value !== undefined && value >= min && value <= max;
}

function suggestDuration(given: unknown): string | undefined {
  if (typeof given === "number") return Number.isInteger(given) && given >= 0 ? `${given}s` : undefined;
  if (typeof given !== "string") return undefined;
  const match = /^(\d{1,9})\s*(ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hours?|d|days?)$/i.exec(
    given.trim(),
  );
  const unit = match?.[2]?.toLowerCase();
  if (match === null || unit === undefined) return undefined;
  return `${match[1]}${unit.startsWith("mil") || unit === "ms" ? "ms" : unit[0]}`;
}

function suggestSize(given: unknown): string | undefined {
  if (typeof given === "number") return Number.isInteger(given) && given >= 0 ? formatSize(given) : undefined;
  if (typeof given !== "string") return undefined;
  const match = /^(\d{1,9})\s*([kmg]?)(?:i?b)?$/i.exec(given.trim());
  if (match === null) return undefined;
  return `${match[1]}${match[2] === "" ? "B" : `${match[2]?.toUpperCase().replace("K", "K")}iB`}`;
}

function suggestRate(given: unknown): string | undefined {
  if (typeof given === "number") return Number.isInteger(given) && given > 0 ? `${given}/minute` : undefined;
  if (typeof given !== "string") return undefined;
  const match = /^(\d{1,10})\s*(?:\/|per|requests?\s*(?:\/|per))\s*(s|m|h|d)[a-z]*$/i.exec(given.trim());
  const unit = { s: "second", m: "minute", h: "hour", d: "day" }[match?.[2]?.toLowerCase() ?? ""];
  return match === null || unit === undefined ? undefined : `${match[1]}/${unit}`;
}

/** A list of at least one. */
export const list = <T extends z.ZodType>(item: T) => z.array(item).min(1, { error: "a list of at least one" });
export const oneOrList = <T extends z.ZodType>(item: T) => z.union([item, list(item)]);

export const url = text("an http or https URL", /^https?:\/\/[\x21-\x7e]+$/).refine((value) => URL.canParse(value), {
  error: "an http or https URL",
});

/** A reference to a secret, never its value. */
export const secretReference = text("a reference such as ${secret:NAME}", /^\$\{secret:[^{}]+\}$/);

export const claimName = text("the name of a claim", /^.{1,256}$/);

/** Names of the claims that parts of the identity are read from. @param scopes where they come from by default */
export const claimNames = (scopes: string) =>
  z
    .strictObject({
      consumer: claimName.optional().describe("Claim that names the consumer. Default: none."),
      plan: claimName.optional().describe("Claim that names the consumer's plan. Default: none."),
      groups: claimName.optional().describe("Claim with the groups. Default: groups."),
      scopes: claimName.optional().describe(`Claim with the scopes. Default: ${scopes}.`),
    })
    .describe("Claims that parts of the identity are read from.");
