/** Edits of requests and answers: `transform` of a route. */
import * as z from "zod";
import { limits } from "../limits.ts";
import { headerName, headerValue, list, method, text, whole } from "./fields.ts";
import { translation } from "./schema-translation.ts";

const max = limits.reshape;

const atMost = (type: string) => ({ error: `${type} of at most ${max.editsMax}` });
const bounded = <T extends z.ZodType>(item: T) => list(item).max(max.editsMax, atMost("a list"));
const few = (value: unknown): boolean => Object.keys(value as object).length <= max.editsMax;

export const expression = z.strictObject({
  cel: text("an expression in CEL", /\S/).describe(
    "Expression in CEL over `identity` and `request`, of answers also `response`, that gives a text, a number or a truth value.",
  ),
});

const templates =
  "Templates such as `{path.id}`, `{identity.sub}`, `{query.q}`, `{header.x-id}`, `{client.ip}`, `{request.id}`, or `{ cel: ... }`.";

const fieldNames = bounded(headerName);
const fieldValues = z.record(headerName, z.union([headerValue, expression])).refine(few, atMost("a mapping"));

const headerEdits = z.strictObject({
  remove: fieldNames.optional().describe("Applied first."),
  rename: z
    .record(headerName, headerName)
    .refine(few, atMost("a mapping"))
    .optional()
    .describe("Old name to new name; whatever had the new name is replaced."),
  set: fieldValues.optional().describe(`Replaces what is there. Values may hold \`\${secret:NAME}\`. ${templates}`),
  add: fieldValues.optional().describe("A line beside what is there. Values as of `set`."),
  append: fieldValues
    .optional()
    .describe("A member of the list that is there, unless it is one already. Values as of `set`."),
});

const parameter = text("the name of a query parameter", /^[^\p{Cc}]{1,128}$/u);
const parameterValue = text("a text without control characters", /^[^\p{Cc}]*$/u);
const parameterValues = z.record(parameter, z.union([parameterValue, expression])).refine(few, atMost("a mapping"));

const queryEdits = z.strictObject({
  allow: bounded(parameter).optional().describe("Parameters that go on; all others do not. Applied first."),
  remove: bounded(parameter).optional().describe("Parameters that do not go on."),
  rename: z.record(parameter, parameter).refine(few, atMost("a mapping")).optional().describe("Old name to new name."),
  set: parameterValues.optional().describe(`Replaces what is there. ${templates}`),
  add: parameterValues.optional().describe("Added to what is there. Values as of `set`."),
});

/** `404` or `5xx`. */
export const statusOrClass = z.union([
  whole(200, 599),
  text("a status such as 404, or a class such as 5xx", /^(?:[2-5][0-9]{2}|[2-5]xx)$/),
]);

const place = text(
  "a JSON pointer such as /user/name, or a JSONPath such as $.items[*].id",
  /^(?:\/[^\p{Cc}]*|\$[^\p{Cc}]*)$/u,
);
const places = bounded(place);
const memberName = text("the name of a member", /^[\s\S]{1,128}$/);

const jsonEdits = z
  .strictObject({
    pick: places.optional().describe("What is kept; all else goes. Applied first."),
    remove: places.optional().describe("What goes."),
    rename: z.record(place, memberName).refine(few, atMost("a mapping")).optional().describe("To the new name there."),
    set: z
      .record(place, z.unknown())
      .refine(few, atMost("a mapping"))
      .optional()
      .describe(`Values of JSON that stand there from then on. ${templates} \`{body.NAME}\` is what the body was.`),
    wrap: memberName.optional().describe("The body becomes the one member of this name. Applied last."),
    template: z.unknown().optional().describe("What the body becomes, a value of JSON; instead of all others."),
    others: z
      .enum(["pass", "refuse"], { error: "pass or refuse" })
      .optional()
      .describe("What becomes of bodies that are no JSON. Default: pass."),
  })
  .describe("Edits of a body that is JSON, by JSON pointers (RFC 6901) and JSONPaths (RFC 9535).");

const requestEdits = z.strictObject({
  headers: headerEdits.optional(),
  query: queryEdits.optional().describe("Edits of the query, as the upstream gets it."),
  body: translation.optional(),
  json: jsonEdits.optional(),
  method: method.optional().describe("Method that the upstream is asked with, instead of the client's."),
});

const answerEdits = z.strictObject({
  when: z
    .union([bounded(statusOrClass), expression])
    .optional()
    .describe(
      "Statuses (`404`, `5xx`) of the answers that are edited, or an expression in CEL. Default: every answer.",
    ),
  headers: headerEdits.optional(),
  statuses: z
    .record(text("a status such as 404, or a class such as 5xx", /^(?:[2-5][0-9]{2}|[2-5]xx)$/), whole(200, 599))
    .refine(few, atMost("a mapping"))
    .optional()
    .describe("Statuses (`404`, `5xx`) of the upstream to those that clients get instead."),
  body: translation.optional(),
  json: jsonEdits.optional(),
});

export const transform = z
  .strictObject({
    request: requestEdits.optional().describe("Applied before the request goes on."),
    response: z
      .union([
        answerEdits,
        list(answerEdits).max(max.alternativesMax, { error: `a list of at most ${max.alternativesMax}` }),
      ])
      .optional()
      .describe("Applied to the answer. Of a list each whose `when` holds, in its order."),
  })
  .describe("Edits of the request and of its answer.");

export type TransformConfig = z.infer<typeof transform>;
export type HeaderEditsConfig = z.infer<typeof headerEdits>;
export type QueryEditsConfig = z.infer<typeof queryEdits>;
export type JsonEditsConfig = z.infer<typeof jsonEdits>;
