/**
 * Purges of stored answers. The CLI asks the control API (role `admin`), which asks the gateway's `CacheAdmin` the same question under
 * the same path without `/v1` (role `cache`): what is stored lies beside the gateway. Errors as RFC 9457 problems.
 *
 *   POST /v1/cache/purges      PurgeRequest -> PurgeAnswer (201)
 *   GET  /v1/cache/purges      PurgeStatus
 */
import * as z from "zod/mini";
import type { Purge, PurgeScope } from "../cache/purges.ts";
import { limits } from "../limits.ts";
import { hostWithoutPort } from "../route/compare-routes.ts";
import { normalisePath } from "../route/normalise-path.ts";

const { tagCharsMax, hostCharsMax, scopesMax } = limits.cachePurges;

const isNormal = (path: string): boolean => normalisePath(path).path === path;
const isHostName = (text: string): boolean => hostWithoutPort(text) === text;
const host = z.optional(
  z
    .string()
    .check(
      z.regex(/^[a-z0-9._:-]+$/, "a host in lower case"),
      z.refine(isHostName, "a host without port, brackets, or a dot at its end"),
      z.maxLength(hostCharsMax),
    ),
);
const scopeSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("all") }),
  z.strictObject({
    kind: z.literal("tag"),
    tag: z.string().check(z.regex(/^[\x21-\x7e]+$/), z.maxLength(tagCharsMax)),
  }),
  z.strictObject({
    kind: z.literal("path"),
    path: z.string().check(
      z.maxLength(limits.http.targetBytesMax),
      z.refine((target) => isNormal(target.split("?", 1)[0] ?? ""), "a normalised path, such as /orders/1"),
      z.regex(/^[\x21-\x7e]*$/, "a path without spaces, escaped as it is in requests"),
    ),
    host,
  }),
  z.strictObject({
    kind: z.literal("prefix"),
    prefix: z
      .string()
      .check(
        z.maxLength(limits.http.targetBytesMax),
        z.refine(isNormal, "the normalised beginning of a path, without a query"),
      ),
    host,
  }),
]);

export const purgeRequestSchema = z.strictObject({
  scopes: z.array(scopeSchema).check(z.minLength(1), z.maxLength(scopesMax)),
  /** What is matched is stale from now on, and not gone: it may be served while it is asked for again. */
  soft: z.optional(z.boolean()),
});
export type PurgeRequest = z.infer<typeof purgeRequestSchema>;

export interface PurgeAnswer {
  readonly purges: readonly Purge[];
  /** When no isolate serves it any more, from this answer on. */
  readonly visibleWithinMs: number;
}

export interface PurgeStatus {
  /** Of the last purge. */
  readonly number: number;
  /** Nothing is served that was stored before this. */
  readonly floor: number;
  /** How many are remembered one by one. */
  readonly remembered: number;
}

/** What was purged in words, for logs and people. */
export function describePurgeAnswer({ purges }: Pick<PurgeAnswer, "purges">): string {
  return purges
    .map((purge) => `${purge.number}${purge.soft ? ", soft" : ""}: ${describeScope(purge.scope)}`)
    .join("; ");
}

function describeScope(scope: PurgeScope): string {
  if (scope.kind === "all") return "everything";
  if (scope.kind === "tag") return `tag ${scope.tag}`;
  return `${scope.host ?? "any host"} ${scope.kind === "path" ? scope.path : `${scope.prefix}*`}`;
}

/**
 * What a path on a command line means: with `*` at its end everything that begins so, else this path.
 * @returns the scope, or why it is none
 */
export function pathScope(text: string, host?: string): PurgeScope | { readonly refused: string } {
  const isPrefix = text.endsWith("*");
  const asked = isPrefix ? text.slice(0, -1) : text;
  const at = asked.indexOf("?");
  if (isPrefix && at >= 0) return { refused: "contains a query before *" };
  const { path, refused } = normalisePath(at < 0 ? asked : asked.slice(0, at));
  if (path === undefined) return { refused: refused ?? "is no path" };
  const where = host === undefined ? {} : { host: host.toLowerCase() };
  if (isPrefix) return { kind: "prefix", prefix: path, ...where };
  return { kind: "path", path: path + (at < 0 ? "" : asked.slice(at)), ...where };
}
