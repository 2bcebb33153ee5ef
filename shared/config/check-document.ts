/** The whole check of a document that is already plain JSON. Does not know texts, files or YAML: see `load.ts`. */
import { limits } from "../limits.ts";
import { checkApiKeys } from "./check-api-key.ts";
import { checkBound } from "./check-bound.ts";
import { checkCallLimits } from "./check-call-limits.ts";
import { checkClientIp } from "./check-client-ip.ts";
import { checkContext } from "./check-context.ts";
import { checkDecisions } from "./check-decisions.ts";
import { checkExpose } from "./check-expose.ts";
import { checkFederation } from "./check-federation.ts";
import { checkFleet } from "./check-fleet.ts";
import { checkGateway } from "./check-gateway.ts";
import { checkIdentity } from "./check-identity.ts";
import { checkIdentityHeaders } from "./check-identity-headers.ts";
import { checkIntrospection } from "./check-introspection.ts";
import { checkJoin } from "./check-join.ts";
import { checkNamedLimits } from "./check-limits.ts";
import { checkMethods } from "./check-match.ts";
import { checkMesh } from "./check-mesh.ts";
import { checkOidc } from "./check-oidc.ts";
import { checkOwners } from "./check-owners.ts";
import { checkReferences } from "./check-references.ts";
import { checkResources } from "./check-resources.ts";
import { checkRoutes, TARGETS } from "./check-routes.ts";
import { checkShadow } from "./check-shadow.ts";
import { checkShedding } from "./check-shedding.ts";
import { checkSignatures } from "./check-signature.ts";
import { checkTelemetry } from "./check-telemetry.ts";
import { checkUpstreams } from "./check-upstreams.ts";
import { Cursor } from "./cursor.ts";
import { type DocumentProblem, error, type Path } from "./problem.ts";
import type { Secrets } from "./references.ts";
import { type Document, documentSchema } from "./schema.ts";
import { provider } from "./schema-identity.ts";
import { keySource } from "./schema-limit-keys.ts";
import { schemaProblems } from "./schema-problems.ts";

export interface CheckedDocument {
  /** Present when no problem is an error. */
  readonly document?: Document;
  /** Every problem, in no particular order; errors and warnings. */
  readonly problems: readonly DocumentProblem[];
}

/**
 * Checks form and references of a document. Everything that is wrong is found, not the first alone.
 * @param secrets when given, each `${secret:}` is looked up and a missing one is a warning
 */
export function checkDocument(json: unknown, secrets?: Secrets): CheckedDocument {
  const size = sizeProblem(json);
  if (size !== undefined) return { problems: [size] };
  const top = new Cursor(json);
  const problems = withoutEchoes([
    ...schemaProblems(documentSchema, json),
    ...checkReferences(top, secrets),
    ...checkGateway(top),
    ...checkIdentity(top, secrets),
    ...checkApiKeys(top),
    ...checkIntrospection(top),
    ...checkDecisions(top),
    ...checkBound(top),
    ...checkClientIp(top),
    ...checkSignatures(top, secrets),
    ...checkOidc(top),
    ...checkNamedLimits(top.get("gateway")),
    ...checkOwners(top),
    ...checkRoutes(top),
    ...checkMethods(top.get("gateway", "routes").items),
    ...checkIdentityHeaders(top),
    ...checkContext(top),
    ...checkResources(top),
    ...checkShedding(top),
    ...checkShadow(top),
    ...checkUpstreams(top),
    ...checkMesh(top),
    ...checkFederation(top),
    ...checkJoin(top),
    ...checkFleet(top),
    ...checkCallLimits(top),
    ...checkExpose(top),
    ...checkTelemetry(top),
  ]);
  if (problems.some((problem) => problem.severity === "error")) return { problems };
  return { document: json as Document, problems };
}

/** A mistyped key is one mistake: that the right one is missing needs no second mention. */
function withoutEchoes(problems: readonly DocumentProblem[]): DocumentProblem[] {
  const meant = new Set(
    problems.flatMap(({ code, path, suggestion }) =>
      code === "SLV2003" && suggestion !== undefined ? [JSON.stringify([...path.slice(0, -1), suggestion])] : [],
    ),
  );
  const isMeant = (path: Path): boolean => meant.has(JSON.stringify(path));
  return problems.filter(({ code, path }) => {
    if (code === "SLV2002") return !isMeant(path);
    return (
      code !== "SLV2005" ||
      ![...TARGETS, "split", ...Object.keys(provider.shape), ...Object.keys(keySource.shape)].some((key) =>
        isMeant([...path, key]),
      )
    );
  });
}

/** Refuses what would make every later walk expensive, and the one key that is a trap in JavaScript. */
function sizeProblem(json: unknown): DocumentProblem | undefined {
  const { nodesMax, depthMax } = limits.document;
  const pending: { value: unknown; path: Path }[] = [{ value: json, path: [] }];
  for (let nodes = 0; ; nodes++) {
    const next = pending.pop();
    if (next === undefined) return undefined;
    if (nodes >= nodesMax) return error("SLV1003", [], `the document has more than ${nodesMax} values`);
    if (typeof next.value !== "object" || next.value === null) continue;
    if (next.path.length >= depthMax)
      return error("SLV1003", next.path, `the document is nested deeper than ${depthMax} levels`);
    for (const key of Object.keys(next.value)) {
      const path = [...next.path, Array.isArray(next.value) ? Number(key) : key];
      if (key === "__proto__") return error("SLV2004", path, '"__proto__" cannot be used as a key', { at: "key" });
      pending.push({ value: (next.value as Record<string, unknown>)[key], path });
    }
  }
}
