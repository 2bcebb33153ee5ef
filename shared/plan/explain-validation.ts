import type { Path } from "../config/problem.ts";
import type { Contract } from "../contract/contract.ts";
import { findOperation, indexOperations, type OperationIndex, pathBehind } from "../contract/operation-index.ts";
import { type RouteValidation, type ValidationMode, weakerMode } from "../contract/route-validation.ts";
import { type ExplainStep, type Facts, step } from "./explain-step.ts";
import type { KnownArtifacts } from "./known-artifacts.ts";
import type { RoutePlan } from "./plan.ts";

export interface ValidatedRequest {
  readonly method: string;
  /** Normalised. */
  readonly path: string;
  /** The path that the route's target is asked for, or why there is none. */
  readonly sent: () => string | ExplainStep;
}

/**
 * Which operation of its contract a request is held to.
 * @param artifacts by their digests, as far as they are at hand
 */
export function explainValidation(
  { validation }: RoutePlan,
  at: Path,
  { method, path: asked, sent }: ValidatedRequest,
  artifacts: KnownArtifacts | undefined,
): ExplainStep[] {
  if (validation === undefined) return [];
  const place = placeOf(validation, at);
  const path = validation.of === undefined ? asked : sent();
  if (typeof path !== "string") return [path];
  const known = artifacts?.read(validation.contract, readContract);
  if (known === undefined) {
    const text = `${validation.name}: ${heldTo(validation)}; what it says is not known here`;
    return [{ ...step("contract", "note", text, place), facts: factsOf(validation) }];
  }
  const { contract, index } = known;
  const behind = pathBehind(validation.basePath ?? contract.basePath, path);
  const found = behind === undefined ? undefined : findOperation(index, method, behind);
  if (behind === undefined || found === undefined || found.kind !== "found")
    return [explainUnknown(validation, contract, found?.kind === "no-method" ? found.allow : undefined, place)];
  const { id, modes = {}, body, parameters } = found.operation;
  const requests = weakerMode(validation.requests, modes.requests);
  const responses = weakerMode(validation.responses, modes.responses);
  const judged = [
    ...(parameters.length > 0 ? [`parameters ${parameters.map(({ name }) => name).join(", ")}`] : []),
    ...(body === undefined ? [] : [`a body of ${body.content.map(({ mediaType }) => mediaType).join(" or ")}`]),
  ];
  const told = judged.length === 0 ? "no parameters and no body are described" : judged.join(" and ");
  const held = heldTo({ ...validation, requests, responses });
  const text = `operation ${id} of ${validation.name}: ${told}; ${held}`;
  return [
    {
      ...step("contract", "note", text, place),
      facts: { ...factsOf({ ...validation, requests, responses }), operation: id },
    },
  ];
}

const factsOf = ({ contract, requests, responses }: RouteValidation): Facts => ({ contract, requests, responses });

function readContract(bytes: Uint8Array): { readonly contract: Contract; readonly index: OperationIndex } {
  const contract = JSON.parse(new TextDecoder().decode(bytes)) as Contract;
  return { contract, index: indexOperations(contract) };
}

function placeOf({ of }: RouteValidation, route: Path): Path {
  if (of === undefined) return [...route, "validate"];
  return "service" in of
    ? ["mesh", "services", of.service, "validate"]
    : ["gateway", "upstreams", of.upstream, "validate"];
}

function explainUnknown(
  validation: RouteValidation,
  contract: Contract,
  allow: readonly string[] | undefined,
  place: Path,
): ExplainStep {
  const { name, requests, unknownOperations, basePath = contract.basePath } = validation;
  const what =
    allow === undefined
      ? `no operation of ${name} has this path${basePath === "" ? "" : ` behind ${basePath}`}`
      : `the operations of ${name} at this path are for ${allow.join(", ")}`;
  if (requests === "off" || unknownOperations === "pass") return step("contract", "skip", `${what}: it passes`, place);
  const code = allow === undefined ? "operation_unknown" : "method_not_allowed";
  if (requests === "shadow")
    return step("contract", "would-deny", `${what}: it would be refused, and is counted`, place, code);
  return step("contract", "deny", what, place, code);
}

const WORDS: Readonly<Record<ValidationMode, string>> = {
  enforce: "are refused where they are not as described",
  shadow: "are counted where they are not as described",
  off: "are not judged",
};

function heldTo({ requests, responses, responseShare }: RouteValidation): string {
  const share = responses === "shadow" && responseShare < 1 ? `${+(responseShare * 100).toPrecision(6)} % of ` : "";
  return `requests ${WORDS[requests]}; ${share}answers ${WORDS[responses]}`;
}
