/** `cache` of a route and of the gateway. */
import * as z from "zod";
import { limits } from "../limits.ts";
import { duration, flag, headerName, list, size, text } from "./fields.ts";

const bounds = limits.cache;

const kept = duration(0, limits.cachePurges.keepMsMax);
const parameter = text("the name of a query parameter", /^[\x21-\x25\x27-\x3c\x3e-\x7e]{1,128}$/);
const status = text("a status such as 404, or 4xx or 5xx", /^(?:[45]\d\d|[45]xx)$/, (given) =>
  typeof given === "string" && /^[45]XX$/.test(given) ? given.toLowerCase() : undefined,
);

/** Spaces and commas part the tags in fields of answers. */
const tag = text(
  `a tag: at most ${bounds.tagCharsMax} visible ASCII characters, no comma`,
  new RegExp(`^[\\x21-\\x2b\\x2d-\\x7e]{1,${bounds.tagCharsMax}}$`),
);

const parameters = list(parameter).max(bounds.queryNamesMax, {
  error: `a list of at most ${bounds.queryNamesMax}`,
});

const queryKey = z.strictObject({
  only: parameters.optional().describe("These parameters alone tell answers apart. Others are not sent on."),
  ignore: parameters.optional().describe("These parameters do not tell answers apart, and are not sent on."),
  sort: flag.optional().describe("Whether the order of parameters with different names means nothing. Default: false."),
});

const key = z.strictObject({
  query: queryKey.optional().describe("Default: the query as it is."),
  headers: list(headerName)
    .max(bounds.keyFieldsMax, { error: `a list of at most ${bounds.keyFieldsMax}` })
    .optional()
    .describe("Request headers that tell answers apart, beside those that answers name in `Vary`."),
  cookies: z
    .enum(["ignore"], { error: "ignore" })
    .optional()
    .describe("`ignore`: answers do not depend on cookies, and none is sent on. Default: they may."),
});

const settings = z.strictObject({
  ttl: kept
    .optional()
    .describe("How long good answers are fresh that do not say so. Default: the heuristic of RFC 9111."),
  override: flag
    .optional()
    .describe("Whether `ttl` goes before what answers say. `no-store` and `private` stay. Default: false."),
  errors: z
    .record(status, kept)
    .optional()
    .describe("How long errors are fresh that do not say so, by status: `{ 404: 10s, 5xx: 1s }`. Default: not at all."),
  staleWhileRevalidate: kept
    .optional()
    .describe("How long after that they are served while they are asked for again (RFC 5861). Default: as they say."),
  staleIfError: kept
    .optional()
    .describe("How long after that they are served when the upstream fails (RFC 5861). Default: as they say."),
  tags: list(tag)
    .max(bounds.tagsMax, { error: `a list of at most ${bounds.tagsMax}` })
    .optional()
    .describe("Names by which all answers of the route can be purged, beside those that answers give themselves."),
  shared: flag
    .optional()
    .describe("Whether identities share answers that say `public` or `s-maxage`. Default: false, each has its own."),
  key: key.optional().describe("What tells answers apart, beside host and path."),
  methods: list(z.enum(["GET", "HEAD", "QUERY"], { error: "GET, HEAD or QUERY" }))
    .optional()
    .describe("Methods that are answered from the cache. Default: GET, HEAD."),
  maxBody: size(0, limits.cacheStores.bodyBytesMax).optional().describe("Largest answer that is kept. Default: 64MiB."),
  reach: z
    .enum(["near", "everywhere"], { error: "near or everywhere" })
    .optional()
    .describe("Who shares answers beside the isolate: `near`, its data centre (default); `everywhere`, all isolates."),
  collapse: z
    .enum(["isolate", "everywhere", "none"], { error: "isolate, everywhere or none" })
    .optional()
    .describe("Which equal requests wait for the first while there is no answer yet. Default: isolate, those of one."),
  ignoreClient: flag
    .optional()
    .describe("Whether `Cache-Control` and `Pragma` of requests mean nothing. Default: false."),
});

export const cache = z.union([flag, settings], { error: "true, or the settings of a cache" });

const partSettings = settings.omit({ key: true, methods: true, ignoreClient: true });

export const partCache = z.union([flag, partSettings], { error: "true, or the settings of a part's cache" });

export const gatewayCache = settings.describe("What routes with `cache` have where they say nothing themselves.");

export type CacheConfig = z.infer<typeof settings>;
export type PartCacheConfig = z.infer<typeof partSettings>;
