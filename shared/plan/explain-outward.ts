/** What upstreams would be told of the identity, and which metadata is published. */
import { type ProtectedResource, resourceDescribedAt } from "../auth/resource.ts";
import { type TxnContext, txnContext } from "../auth/txn-context.ts";
import type { Path } from "../config/problem.ts";
import type { Identity } from "../identity/identity.ts";
import { identityFields } from "../policy/identity-headers.ts";
import { normalisePath } from "../route/normalise-path.ts";
import { type ExplainStep, step } from "./explain-step.ts";
import type { RoutePlan } from "./plan.ts";

export interface Told {
  readonly steps: readonly ExplainStep[];
  /** Header fields that go on. */
  readonly fields: readonly (readonly [name: string, value: string])[];
}

/** @param query its parameters by name */
export function explainTold(
  route: RoutePlan,
  at: Path,
  identity: Identity,
  path: Readonly<Record<string, string>>,
  query: Readonly<Record<string, string>>,
): Told {
  const headers = explainHeaders(route, [...at, "identityHeaders"], identity);
  return { fields: headers.fields, steps: [...headers.steps, ...explainContext(route, at, { identity, path, query })] };
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
  scope: Parameters<typeof txnContext>[1],
): ExplainStep[] {
  if (settings === undefined) return [];
  const context = txnContext(settings, scope);
  if ("refused" in context) return [step("context", "deny", context.refused, [...at, "context"], context.code)];
  return [step("context", "pass", `transaction token with ${describe(context)}`, [...at, "context"])];
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
