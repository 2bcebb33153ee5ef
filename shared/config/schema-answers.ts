/** Answers that the gateway gives itself: direct ones, redirects, error pages; and what it says on all answers. */
import * as z from "zod";
import { limits } from "../limits.ts";
import { duration, flag, headerName, headerValue, host, list, text, whole } from "./fields.ts";
import { expression, statusOrClass } from "./schema-reshape.ts";

const max = limits.reshape;

const ownText = text(`a text of at most ${max.ownBodyCharsMax} characters`, /^[\s\S]*$/);
/** Any value of JSON; texts in it may have holes. */
const ownJson = z.unknown().refine((value) => value !== undefined, { error: "a value of JSON" });

export const respond = z
  .strictObject({
    status: whole(200, 599).optional().describe("Default: 200."),
    headers: z
      .record(headerName, z.union([headerValue, expression]))
      .optional()
      .describe("Fields of the answer, with templates such as `{path.id}`."),
    body: ownText
      .optional()
      .describe("Text with templates; escaped as its `content-type` says, which is text/plain by default."),
    json: ownJson.optional().describe("Value of JSON with templates, instead of `body`."),
  })
  .describe("The gateway answers itself.");

export const redirect = z
  .strictObject({
    status: z
      .union([301, 302, 303, 307, 308].map((status) => z.literal(status)) as [z.ZodLiteral<301>, z.ZodLiteral<302>], {
        error: "301, 302, 303, 307 or 308",
      })
      .optional()
      .describe("301, 302, 303, 307 or 308. Default: 302."),
    scheme: z.enum(["http", "https"], { error: "http or https" }).optional().describe("Default: the request's."),
    host: host.optional().describe("Default: the request's."),
    port: whole(1, 65535).optional().describe("Default: that of a stated `scheme`, else the request's."),
    path: text("a path that starts with /", /^\/[^\s?#]*$/)
      .optional()
      .describe("As `rewrite`: `{name}` and a final `*` stand for what `match.path` found. Default: the request's."),
    query: z.enum(["keep", "drop"], { error: "keep or drop" }).optional().describe("Default: keep."),
  })
  .describe("The client is sent elsewhere.");

const errorPage = z.strictObject({
  on: list(
    z.union([
      statusOrClass,
      text("a status such as 404, a class such as 5xx, or a code such as no_route", /^[a-z][a-z_]{2,63}$/),
    ]),
  ).describe("Statuses, classes and codes of errors that it stands for."),
  upstream: flag.optional().describe("Whether it stands for errors of upstreams, too. Default: false."),
  html: ownText.optional().describe("For clients who would rather have HTML. Templates are escaped."),
  text: ownText.optional().describe("For clients who would rather have plain text."),
  json: ownJson.optional().describe("For clients who would rather have JSON. Default: the problem document."),
});

export const errorPages = list(errorPage)
  .max(max.alternativesMax, { error: `a list of at most ${max.alternativesMax}` })
  .describe(
    "Pages instead of problem documents: the first that is for an error. `{error.status}`, `{error.title}`, `{error.detail}`, `{error.code}`, `{trace.id}`.",
  );

const orFalse = <T extends z.ZodType>(type: T) => z.union([z.literal(false, { error: "false" }), type]).optional();

export const securityHeaders = z.union([
  flag,
  z.strictObject({
    hsts: orFalse(
      z.strictObject({
        maxAge: duration(0, 63_072_000_000).optional().describe("Default: 365d."),
        includeSubDomains: flag.optional().describe("Default: false."),
        preload: flag.optional().describe("Default: false."),
      }),
    ).describe("`Strict-Transport-Security`, to clients who come by https."),
    nosniff: flag.optional().describe("`X-Content-Type-Options: nosniff`. Default: true."),
    frame: orFalse(z.enum(["DENY", "SAMEORIGIN"], { error: "DENY or SAMEORIGIN" })).describe(
      "`X-Frame-Options`. Default: DENY.",
    ),
    referrerPolicy: orFalse(headerValue).describe("Default: strict-origin-when-cross-origin."),
    contentSecurityPolicy: orFalse(headerValue).describe("Default: none."),
    permissionsPolicy: orFalse(headerValue).describe("Default: none."),
    hide: z
      .array(headerName)
      .optional()
      .describe("Fields of answers that go no further. Default: Server, X-Powered-By, X-AspNet-Version and their kin."),
  }),
]);

export type RespondConfig = z.infer<typeof respond>;
export type RedirectConfig = z.infer<typeof redirect>;
export type ErrorPagesConfig = z.infer<typeof errorPages>;
export type SecurityHeadersConfig = z.infer<typeof securityHeaders>;
