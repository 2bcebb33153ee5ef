/** `graphql` of a route: what a GraphQL service may be asked for. */
import * as z from "zod";
import { limits } from "../limits.ts";
import { flag, list, mode, shadow, text, whole } from "./fields.ts";

const max = limits.graphql;
const graphqlName = text("a name of GraphQL", /^[_A-Za-z]\w{0,127}$/);
const operation = z.enum(["query", "mutation", "subscription"], { error: "query, mutation or subscription" });

export const graphql = z.strictObject({
  maxDepth: whole(1, max.depthMax).optional().describe(`Fields within each other. Default: ${max.depthDefault}.`),
  maxAliases: whole(0, max.countMax).optional().describe(`Default: ${max.aliasesDefault}.`),
  maxRootFields: whole(1, max.countMax).optional().describe(`Default: ${max.rootFieldsDefault}.`),
  maxTokens: whole(1, max.tokensMax).optional().describe(`Tokens of one document. Default: ${max.tokensDefault}.`),
  maxBatch: whole(1, max.batchMax).optional().describe("Requests in one HTTP request. Default: 1."),
  maxCost: whole(1, max.costMax)
    .optional()
    .describe("What is asked for at once: 1 for each field, times the items that lists are asked for. Default: any."),
  costs: z
    .record(graphqlName, whole(0, max.costMax))
    .refine((costs) => Object.keys(costs).length <= max.costsMax, { error: `at most ${max.costsMax} fields` })
    .optional()
    .describe("Fields by name that cost something else than 1."),
  listArguments: list(graphqlName)
    .optional()
    .describe("Arguments that say how many items are wanted. Default: first, last, limit."),
  operations: list(operation).optional().describe("Default: query and mutation."),
  introspection: flag.optional().describe("Whether the schema may be asked for. Default: false."),
  allow: z
    .array(text("the SHA-256 of a document: 64 hex digits", /^[0-9A-Fa-f]{64}$/))
    .max(max.allowMax, { error: `a list of at most ${max.allowMax}` })
    .optional()
    .describe("Documents that pass, by the SHA-256 of their text. Default: any."),
  mode: mode.optional(),
  shadow: shadow.optional(),
});

export type GraphqlConfig = z.infer<typeof graphql>;
