/** `gateway.contracts`, and `validate` of routes: API descriptions, and how requests and answers are held to them. */
import * as z from "zod";
import { limits } from "../limits.ts";
import { between, flag, mode as force, name, text, whole } from "./fields.ts";

const max = limits.openapi;
const file = text(
  "a file beside the document such as specs/orders.yaml: no .. and no / at its beginning",
  /^(?!\/)(?!.*(?:^|\/)\.\.(?:\/|$))[^\\\p{Cc}]{1,512}$/u,
);
const contractName = name("the name of a contract");

export const contract = z.strictObject({
  openapi: file.describe("A description by OpenAPI 3.0 or 3.1, in YAML or JSON. It may refer to files beside it."),
  overlays: z
    .array(file)
    .min(1, { error: "a list of at least one" })
    .max(max.overlaysMax, { error: `a list of at most ${max.overlaysMax}` })
    .optional()
    .describe("Overlays 1.0 or 1.1 that change the description, in their order. Default: none."),
});

export const contracts = z.record(contractName, contract).refine((all) => Object.keys(all).length <= max.contractsMax, {
  error: `at most ${max.contractsMax} contracts`,
});

const mode = z.enum(["enforce", "shadow", "off"], { error: "enforce, shadow or off" });
const unknown = z.enum(["refuse", "pass"], { error: "refuse or pass" });

/** Of a service or upstream: what holds for all routes that lead there and say nothing themselves. */
export const validate = z.strictObject({
  contract: contractName.describe("One of `contracts`."),
  mode: force.optional().describe("Of requests, in place of `requests`: `enforce` or `shadow`. Default: enforce."),
  requests: mode
    .optional()
    .describe(
      "`enforce`: requests that are not as described are refused. `shadow`: they are counted and logged. Default: enforce.",
    ),
  responses: mode
    .optional()
    .describe(
      "`shadow`: answers are judged as well. `enforce`: those that are not as described become 502. Default: off.",
    ),
  responseShare: between(0.000001, 1)
    .optional()
    .describe("Share of the answers that are judged in shadow. Default: 1."),
  basePath: text("a path that starts with / and does not end with it, or nothing", /^(?:(?:\/[^\s/?#{}*]+)+|)$/)
    .optional()
    .describe("What stands before the paths of the contract. Default: the path of its first server."),
  unknownOperations: unknown.optional().describe("Requests that the contract does not describe. Default: refuse."),
  unknownQuery: unknown.optional().describe("Query parameters that the operation does not have. Default: pass."),
  unknownContent: unknown
    .optional()
    .describe("Content of a type that the operation does not take; where it passes it is not judged. Default: refuse."),
  formats: flag.optional().describe("Whether `format` of schemas is asserted. Default: true."),
  maxFindings: whole(1, limits.contract.violationsDefault)
    .optional()
    .describe(`What is told of one request or answer. Default: ${limits.contract.violationsDefault}.`),
});

/** Of a route, which may take back what holds for its target. */
export const routeValidate = z.union([z.literal(false, { error: "false" }), validate]);

export type ContractConfig = z.infer<typeof contract>;
export type ValidateConfig = z.infer<typeof validate>;
