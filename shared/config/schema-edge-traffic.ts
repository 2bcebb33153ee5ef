/** `traffic`, `mirror` and `faults` of a route: what becomes of its requests between the policies and the upstream. */
import * as z from "zod";
import { limits } from "../limits.ts";
import { between, duration, headerName, instant, text, whole } from "./fields.ts";
import { match } from "./schema-traffic.ts";

const { delayMsMax, rulesMax: faultsMax } = limits.fault;
const { rulesMax, stickyMaxAgeMsMax } = limits.edgeTraffic;
const max = (count: number) => ({ error: `a list of at most ${count}` });

const cookieName = text("the name of a cookie", /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/);
const cookieValue = text("the value of a cookie", /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]{0,1024}$/);

/** Where requests can go: as `to` of a route. */
export const target = text(
  "the name of a service or upstream, or an origin such as https://example.com",
  /^(?:https?:\/\/[\x21-\x7e]+|[a-z0-9-]{1,63})$/,
);

const edgeMatch = match
  .extend({
    cookies: z.record(cookieName, cookieValue).optional().describe("Cookies that must have exactly this value."),
  })
  .describe("All of it must match. Default: every request of the route.");

const sticky = z
  .union([
    z.enum(["identity", "ip"], { error: "identity or ip" }),
    z.strictObject({
      header: headerName.optional().describe("Requests with the same value go the same way."),
      cookie: cookieName
        .optional()
        .describe("The gateway gives the client a cookie of this name, which keeps it where it is."),
      maxAge: duration(1000, stickyMaxAgeMsMax).optional().describe("Of the cookie. Default: 30d."),
    }),
  ])
  .describe(
    "What keeps a client where it is as long as the weights stay: `identity`, `ip`, `{ header }` or `{ cookie }`.",
  );

export const edgeTraffic = z
  .array(
    z.strictObject({
      match: edgeMatch.optional(),
      to: target.optional().describe("What gets them all instead of the route's `to`."),
      split: z.record(target, whole(0, 1_000_000)).optional().describe("Targets and their relative weights."),
      sticky: sticky.optional(),
    }),
  )
  .max(rulesMax, max(rulesMax));

export const edgeMirror = z
  .array(
    z.strictObject({
      match: edgeMatch.optional(),
      to: target.describe("What gets copies; nobody gets its answers."),
      percent: between(0.001, 100).optional().describe("Percent of the requests that match. Default: 100."),
    }),
  )
  .max(rulesMax, max(rulesMax));

export const edgeFaults = z
  .array(
    z.strictObject({
      match: edgeMatch.optional(),
      until: instant.describe("From then on it does nothing."),
      delay: z
        .strictObject({ percent: between(0.001, 100), time: duration(1, delayMsMax) })
        .optional()
        .describe("Requests wait before they are sent."),
      abort: z
        .strictObject({ percent: between(0.001, 100), status: whole(400, 599) })
        .optional()
        .describe("Requests are not sent and answered with this status."),
    }),
  )
  .max(faultsMax, max(faultsMax));

export type EdgeMatchConfig = z.infer<typeof edgeMatch>;
export type EdgeTrafficConfig = z.infer<typeof edgeTraffic>[number];
export type EdgeMirrorConfig = z.infer<typeof edgeMirror>[number];
