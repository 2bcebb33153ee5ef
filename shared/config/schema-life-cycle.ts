/** `lifecycle` of a route, and how requests say which version of an interface they mean. */
import * as z from "zod";
import { limits } from "../limits.ts";
import { between, headerName, instant, mode, text } from "./fields.ts";

const link = text("an http or https URL, or a path", /^(?:https?:\/\/[\x21-\x7e]+|\/[\x21-\x7e]*)$/);
const { brownoutsMax } = limits.lifeCycle;

export const lifeCycle = z.strictObject({
  deprecated: instant
    .optional()
    .describe("Since when, or from when on, nobody should use it: `Deprecation` (RFC 9745)."),
  sunset: instant.optional().describe("When it ends: `Sunset` (RFC 8594). From then on requests are refused with 410."),
  afterSunset: z
    .enum(["refuse", "serve"], { error: "refuse or serve" })
    .optional()
    .describe("`serve`: requests pass also after its end. Default: refuse."),
  successor: link
    .optional()
    .describe(
      "What takes its place: a link of `successor-version`. A path may hold `{name}` and a final `*` of `match.path`.",
    ),
  docs: link.optional().describe("About the deprecation: a link of `deprecation`."),
  policy: link.optional().describe("About the end: a link of `sunset`."),
  brownouts: z
    .array(
      z.strictObject({
        from: instant,
        until: instant,
        percent: between(0.001, 100).optional().describe("Percent of the requests that are refused. Default: 100."),
      }),
    )
    .max(brownoutsMax, { error: `a list of at most ${brownoutsMax}` })
    .optional()
    .describe("Times in which requests are refused with 503, so that callers notice before the end."),
  mode: mode
    .optional()
    .describe("`shadow`: its end and its brownouts refuse nobody, and are counted and logged. Default: enforce."),
});

const versionName = text("a version such as 2, v2 or 2026-11-01", /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);

export const matchVersion = versionName.describe("The version that requests must ask for, by `gateway.versioning`.");

export const versioning = z.strictObject({
  header: headerName.optional().describe("Field that names the version."),
  query: text("the name of a parameter", /^[^\s{}&=#]{1,128}$/)
    .optional()
    .describe("Parameter that names the version."),
  mediaType: text(
    "a media type without version such as application/vnd.shop",
    /^[a-z0-9!#$&^_-]{1,64}\/[a-z0-9!#$&^_.-]{1,127}$/,
  )
    .optional()
    .describe(
      "`application/vnd.shop` reads `application/vnd.shop.v2+json` and `application/vnd.shop+json; version=v2` in Accept.",
    ),
  default: versionName
    .optional()
    .describe("Of requests that name none. Default: none, and routes of a version do not match."),
});

export type LifeCycleConfig = z.infer<typeof lifeCycle>;
export type VersioningConfig = z.infer<typeof versioning>;
