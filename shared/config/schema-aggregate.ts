/** `aggregate` and `answer` of a route: the parts of a composed answer, and what becomes of them. */
import * as z from "zod";
import { limits } from "../limits.ts";
import { duration, flag, headerName, list, name, text, whole } from "./fields.ts";
import { partCache } from "./schema-cache.ts";
import { retries } from "./schema-retries.ts";
import { partTranscode } from "./schema-transcode.ts";
import { encoding } from "./schema-translation.ts";
import { splitPartUrl } from "./template.ts";

const max = limits.aggregate;

/** Keys of a part that say its method and where it is called. */
export const PART_METHODS = ["get", "head", "post", "put", "patch", "delete"] as const;

const call = text(
  "a service and path such as users:/users/{identity.sub}, or an http(s) URL",
  /^(?:https?:\/\/[^/?#@\s{}]+\/[^\s#]*|[a-z0-9-]+:\/(?!\/)[^\s#]*)$/,
).refine((value) => splitPartUrl(value) !== undefined, { error: "an http or https URL with a host" });

const valuePath = text("a value in braces such as {orders.items}", /^\{[^{}]+\}$/);
const status = whole(400, 599);
const memberPath = text("a member name or a path such as items.*.id", /^.{1,128}$/);
/** Any JSON; what stands in its texts is checked by `check-aggregate.ts`. */
const template = z.unknown();

const fanOut = z.strictObject({
  in: valuePath.describe("The list."),
  max: whole(1, max.fanOutMax).optional().describe(`Calls at most. Default: ${max.fanOut}.`),
  over: z
    .enum(["fail", "cut"], { error: "fail or cut" })
    .optional()
    .describe("With more elements the part fails, or the first `max` are called for. Default: fail."),
  concurrency: whole(1, max.concurrencyMax).optional().describe(`Calls at once. Default: ${max.concurrency}.`),
  optional: flag
    .optional()
    .describe("Whether a call that failed is null in its place. Default: false: it fails the part."),
});

const part = z.strictObject({
  get: call
    .optional()
    .describe(
      "Where the part comes from. `{identity.sub}`, `{path.id}`, `{query.q}`, `{body.member}` and `{part.member}` are filled in.",
    ),
  head: call.optional().describe("The same by HEAD: the part is null, and its status and fields count."),
  post: call.optional().describe("The same by POST."),
  put: call.optional().describe("The same by PUT."),
  patch: call.optional().describe("The same by PATCH."),
  delete: call.optional().describe("The same by DELETE."),
  query: z
    .record(text("the name of a parameter", /^[^\s&=#]{1,128}$/), template)
    .optional()
    .describe("Parameters that are added to the query; a list is one for each member."),
  headers: z
    .record(headerName, text("a header value with templates", /^[\x20-\x7e]{0,4096}$/))
    .optional()
    .describe("Header fields of the call. Values may hold `${secret:NAME}`."),
  body: template.optional().describe('JSON that is sent. `"{user.id}"` is the value with its type.'),
  when: text("a condition in CEL", /\S/)
    .optional()
    .describe("CEL over parts, path, query, body, identity, request and status. False: the part is skipped."),
  after: list(name("the name of a part"))
    .optional()
    .describe("Parts that it waits for, beside those that it names, whatever becomes of them."),
  expect: text("a condition in CEL", /\S/)
    .optional()
    .describe("CEL over `answer.status` and `answer.body`. False: the part has failed."),
  forEach: z
    .union([valuePath, fanOut], { error: "a value in braces, or a mapping" })
    .optional()
    .describe("A call for each element of a list, which templates name as `{item}`. The part is the list of answers."),
  optional: flag.optional().describe("Whether the answer may lack this part. Default: false."),
  timeout: duration(1, limits.document.timeoutMsMax).optional().describe("With retries and redirects. Default: 5s."),
  retries: retries.optional().describe("For http(s) URLs: what is sent again. Services of the mesh have their own."),
  cache: partCache
    .optional()
    .describe("Whether answers to this part are kept, and how long. Default: false: it is asked for each time."),
  redirects: whole(0, max.redirectsMax)
    .optional()
    .describe("Redirects within its own origin that are followed. Default: 0."),
  encoding: encoding.optional(),
  transcode: partTranscode
    .optional()
    .describe("The call is one by gRPC, found by the rules of a descriptor; a stream of messages is a list."),
  pick: list(memberPath).optional().describe("Members that are kept, as names or paths. Default: all."),
  omit: list(memberPath).optional().describe("Members that are left out, as names or paths. Default: none."),
  fallback: template.optional().describe("The part's value when it fails."),
});

const statusPolicy = z.strictObject({
  from: name("the name of a part").optional().describe("The part whose status the answer has, also when it fails."),
  map: z
    .record(text("a status or class such as 404 or 4xx", /^(?:[1-5]\d\d|[1-5]xx)$/), status)
    .optional()
    .describe("What a client is told when a required part failed with this status."),
});

export const aggregate = z.record(name("the name of a part"), part);

export const answer = z.strictObject({
  output: template.optional().describe("What the answer is instead of an object of the parts: JSON with templates."),
  status: statusPolicy.optional(),
  headers: z
    .record(name("the name of a part"), list(headerName))
    .optional()
    .describe("Part to the fields of its answer that the composed one has."),
  problems: flag
    .optional()
    .describe("Whether a member `problems` names the parts that are missing, and why. Default: false."),
});

export type PartConfig = z.infer<typeof part>;
export type AggregateConfig = z.infer<typeof aggregate>;
export type AnswerConfig = z.infer<typeof answer>;
