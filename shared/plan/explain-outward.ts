/** What upstreams would be told of the identity, and which metadata is published. */
import { type ProtectedResource, resourceDescribedAt } from "../auth/resource.ts";
import { type ContextScope, queryParameters, type TxnContext, txnContext } from "../auth/txn-context.ts";
import type { Path } from "../config/problem.ts";
import { looseParametersOf } from "../http/query-parameters.ts";
import type { Identity } from "../identity/identity.ts";
import { identityFields } from "../policy/identity-headers.ts";
import { normalisePath } from "../route/normalise-path.ts";
import { type ExplainStep, step } from "./explain-step.ts";
import type { RoutePlan } from "./plan.ts";

export interface Told {
  readonly steps: readonly ExplainStep[];
  /** Header fields that go on. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** What the transaction token says beside the route. */
  readonly context?: TxnContext["values"];
}

/** @param query with its `?`; may be empty */
export function explainTold(
  route: RoutePlan,
  at: Path,
  identity: Identity,
  path: Readonly<Record<string, string>>,
  query: string,
): Told {
  const headers = explainHeaders(route, [...at, "identityHeaders"], identity);
  const scope = { identity, path, query: queryParameters(looseParametersOf(query)) };
  const context = explainContext(route, at, scope);
  return { ...context, fields: headers.fields, steps: [...headers.steps, ...context.steps] };
}

function explainHeaders({ identityHeaders }: RoutePlan, at: Path, identity: Identity): Told {
  if (identityHeaders === undefined) return { steps: [], fields: [] };
  const { fields, refused } = identityFields(identityHeaders, identity);
  if (refused !== undefined)
    return { steps: [step("identity headers", "deny", refused, at, "not_permitted")], fields: [] };
  const told = new Set(fields.map(([name]) => name));
  const missing = Object.keys(identityHeaders).filter((name) => !told.has(name));
  const parts = [
    ...fields.map(([name, value]) => `${name}: ${value}`),
    ...(missing.length > 0 ? [`without ${missing.join(", ")}`] : []),
  ];
  return { steps: [step("identity headers", "pass", parts.join(", "), at)], fields };
}

function explainContext(
  { context: settings }: RoutePlan,
  at: Path,
  scope: ContextScope,
): Pick<Told, "steps" | "context"> {
  if (settings === undefined) return { steps: [] };
  const context = txnContext(settings, scope);
  const place = [...at, "context"];
  if ("refused" in context) return { steps: [step("context", "deny", context.refused, place, context.code)] };
  const text = `transaction token with ${describe(context)}`;
  const passed = { ...step("context", "pass", text, place), facts: { context: context.values } };
  return { steps: [passed], context: context.values };
}

const describe = ({ text, ofRequest }: TxnContext): string =>
  ofRequest ? `${text}, which few other requests can share: one signature for each` : text;

/** The answer when the gateway itself answers for metadata. */
export function explainMetadata(
  resources: readonly ProtectedResource[] | undefined,
  host: string,
  path: string,
): string | undefined {
  const resource = resourceDescribedAt(resources ?? [], host, normalisePath(path).path ?? "");
  return resource === undefined ? undefined : `would be answered here: metadata of ${resource.metadata.resource}`;
}
