/** What a route of the gateway asks of a request. */
import * as z from "zod";
import type { IdentityMethod } from "../identity/identity.ts";
import { limits } from "../limits.ts";
import { headerName, headerValue, host, list, method, network, oneOrList, text } from "./fields.ts";
import { demands } from "./schema-auth.ts";
import { matchVersion } from "./schema-life-cycle.ts";

const { conditionsMax, membersMax } = limits.route;

const PROOFS = [
  ...(["anonymous", "jwt", "api-key", "introspection"] as const),
  ...(["certificate", "signature", "webhook", "oidc"] as const),
] as const satisfies readonly IdentityMethod[];

const routePath = text("a path that starts with /", /^\/[^\s]*$/, (given) =>
  typeof given === "string" && /^[\w{*]/.test(given) ? `/${given}` : undefined,
);

const regex = text("a regular expression of RE2", new RegExp(`^[\\s\\S]{1,${limits.regex.charsMax}}$`));

/** @param value one text */
function valueTest<Value extends z.ZodType>(value: Value) {
  const anyOf = list(value).max(membersMax, { error: `at most ${membersMax} texts` });
  const prefix = z.strictObject({ prefix: value });
  const expression = z.strictObject({ regex });
  const not = z.strictObject({ not: z.union([value, anyOf, prefix, expression]) });
  const present = z.strictObject({ present: z.boolean({ error: "true or false" }) });
  return z
    .union([value, anyOf, prefix, expression, present, not])
    .describe(
      "A text (exactly that), a list (one of these), `{ prefix }`, `{ regex }` (RE2, all of it), `{ present }` or `{ not }`.",
    );
}

const headerTest = valueTest(headerValue);
const textTest = valueTest(text("a text of at most 1024 characters", /^[\s\S]{0,1024}$/));
const parameterName = text("the name of a query parameter", /^[\s\S]{1,256}$/);
const cookieName = text("the name of a cookie", /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/);

function conditions<Name extends z.core.$ZodRecordKey, Test extends z.ZodType>(name: Name, test: Test) {
  return z
    .record(name, test)
    .refine((tests) => Object.keys(tests).length <= conditionsMax, { error: `at most ${conditionsMax} conditions` });
}

const identityText = (what: string) => oneOrList(text(what, /^[\s\S]{1,1024}$/)).optional();

const identityMatch = z.strictObject({
  ...{ claims: demands.claims, scopes: demands.scopes, groups: demands.groups },
  issuer: identityText("an issuer").describe("Who vouches for it: one of these."),
  consumer: identityText("the name of a consumer").describe("One of these."),
  plan: identityText("the name of a plan").describe("One of these."),
  method: oneOrList(z.enum(PROOFS, { error: `one of ${PROOFS.join(", ")}` }))
    .optional()
    .describe("How it was proven: one of these."),
});

export const routeMatch = z.strictObject({
  path: z
    .union([routePath, z.strictObject({ regex: regex.describe("The whole path must match it (RE2).") })])
    .describe(
      "`/orders/{id}` or `/orders/*`: literals, `{name}` or `{name:REGEX}` for one segment, a final `*` for any rest; or `{ regex }`.",
    ),
  methods: list(method).optional().describe("Default: every method."),
  hosts: list(host).optional().describe("Default: every host of the gateway."),
  headers: conditions(headerName, headerTest).optional().describe("Header to what is asked of its value."),
  query: conditions(parameterName, textTest).optional().describe("Query parameter to what is asked of its value."),
  cookies: conditions(cookieName, textTest).optional().describe("Cookie to what is asked of its value."),
  ip: list(network)
    .max(membersMax, { error: `at most ${membersMax} networks` })
    .optional()
    .describe("Addresses and networks that the client's address is in one of."),
  version: matchVersion.optional(),
  identity: identityMatch
    .optional()
    .describe(
      "Who asks, by `auth`: which of the routes with the same match takes it. Default: whoever none before it takes.",
    ),
});

export type MatchConfig = z.infer<typeof routeMatch>;
export type ValueTestConfig = z.infer<typeof textTest>;
