/** The form of `selvage.test.yaml`: requests and calls, and what is expected of them. */
import * as z from "zod";
import { dev } from "../../shared/limits/dev.ts";

const words = (what: string) => z.string({ error: what }).min(1, { error: what }).max(4_096, { error: what });
const fields = z.record(words("the name of a header"), words("the value of a header"));
const claims = z.record(words("the name of a claim"), z.unknown());
const scopes = z.array(words("a scope such as orders:read"), { error: "a list of scopes" });
const method = words("a method such as GET");
const path = words("a path such as /orders/42, or a whole URL");

const request = z.strictObject({
  method: method.optional().describe("Default: GET."),
  url: path.describe("A path with query, or a whole URL. Without a host: the first of `gateway.hosts`."),
  headers: fields.optional().describe("`${env:NAME}` in a value is read from the environment."),
  body: words("a text").optional().describe("Sent with --live; the dry run knows no content."),
  as: words("a subject")
    .optional()
    .describe("Assume that this subject has proven itself. With --live: such a case is left out."),
  scopes: scopes.optional().describe("With `as`: its scopes."),
  claims: claims.optional().describe("With `as`: its claims."),
  from: words("an IP address").optional().describe("The address that connects to the gateway."),
});

const denied = z.strictObject({
  by: words("a stage such as auth, scopes or access")
    .optional()
    .describe("The stage that `selvage explain` shows first as `deny`."),
  code: words("an error code such as scope_missing").optional().describe("`code` of the answer."),
  reason: words("a part of the reason").optional().describe("Is contained in what `selvage explain` says."),
});

const upstream = z.strictObject({
  to: words("`service NAME`, `upstream NAME` or an origin").optional(),
  method: method.optional(),
  path: words("a path with query").optional(),
  headers: z
    .record(words("the name of a header"), words("the value of a header").nullable())
    .optional()
    .describe("What the upstream gets; null: it does not get that header."),
});

const verdict = z.enum(["allow", "deny"], { error: "allow or deny" });

const expectRequest = z.strictObject({
  outcome: z
    .enum(["forward", "answer", "refuse"], { error: "forward, answer or refuse" })
    .optional()
    .describe("`forward`: goes to its target. `answer`: the gateway answers itself. `refuse`: it is denied."),
  status: z
    .int({ error: "a status such as 200" })
    .min(100, { error: "a status such as 200" })
    .max(599, { error: "a status such as 200" })
    .optional()
    .describe(
      "Of the dry run where Selvage refuses; of what goes on only with --live, where it goes on in the dry run.",
    ),
  route: words("the name of a route").nullable().optional().describe("null: no route matches."),
  denied: denied.optional().describe("Who refuses, and why."),
  upstream: upstream.optional().describe("What would be sent on, in the dry run."),
  access: z
    .record(words("the name of a service"), verdict)
    .optional()
    .describe("Whether services of the mesh let the gateway make the request, in the dry run."),
  steps: z
    .record(
      words("a stage"),
      z.enum(["pass", "deny", "would-deny", "skip", "note"], { error: "pass, deny, would-deny, skip or note" }),
    )
    .optional()
    .describe("Verdicts of stages as `selvage explain` shows them."),
  headers: z
    .record(words("the name of a header"), words("the value of a header").nullable())
    .optional()
    .describe("Of the answer, with --live; null: it has no such header."),
  body: words("a part of the answer").optional().describe("Is contained in the answer, with --live."),
});

const requestCase = z.strictObject({
  name: words("a name for people"),
  request,
  expect: expectRequest,
});

const callCase = z.strictObject({
  name: words("a name for people"),
  call: z
    .strictObject({
      from: words("a service"),
      to: words("a service"),
      method: method.optional().describe("Default: GET."),
      path,
      scopes: scopes.optional().describe("Of the user on whose behalf it is made."),
      claims: claims.optional().describe("Of the user."),
    })
    .describe("A call from one service of the mesh to another."),
  expect: z.strictObject({
    access: verdict,
    reason: words("a part of the reason").optional(),
  }),
});

export const testFileSchema = z.strictObject({
  document: words("a file beside this one").optional().describe("What is tested. Default: selvage.yaml."),
  cases: z
    .array(z.union([requestCase, callCase]), { error: "a list of cases" })
    .min(1, { error: "at least one case" })
    .max(dev.testCasesMax, { error: `at most ${dev.testCasesMax} cases` }),
});

export type TestFile = z.infer<typeof testFileSchema>;
export type RequestCase = z.infer<typeof requestCase>;
export type CallCase = z.infer<typeof callCase>;
export type TestCase = RequestCase | CallCase;

/** For editors, JSON Schema draft 7. */
export function testFileJsonSchema(): Record<string, unknown> {
  const { $schema, ...body } = z.toJSONSchema(testFileSchema, { target: "draft-7", io: "input" });
  return {
    $schema,
    title: "selvage.test.yaml",
    description: "Requests, and what Selvage is expected to do with them.",
    ...body,
  };
}
