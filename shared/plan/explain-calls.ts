/** What the service that a request reaches may ask of others: the hops behind it, as far as the document knows them. */
import { rulesFor } from "../auth/access.ts";
import type { Path } from "../config/problem.ts";
import type { AccessRule } from "../policy/settings.ts";
import { type ExplainStep, step } from "./explain-step.ts";
import type { Plan } from "./plan.ts";

/** How many services are named. */
const NAMED_MAX = 8;

/** Which calls a service makes for a request its code alone knows; which of them would be let in is said. */
export function explainCalls({ mesh }: Plan, from: string, at: Path): ExplainStep[] {
  const others = Object.keys(mesh.services).filter((name) => name !== from);
  if (others.length === 0) return [];
  const allowed: string[] = [];
  const denied: string[] = [];
  const facts: Record<string, string> = {};
  for (const name of others) {
    const said = mayCall(mesh.services[name]?.access, from);
    facts[name] = said === undefined ? "no" : `yes${said}`;
    if (said === undefined) denied.push(name);
    else allowed.push(`${name}${said}`);
  }
  const may = allowed.length === 0 ? `${from} may call no other service` : `${from} may itself call ${listed(allowed)}`;
  const not = denied.length === 0 || allowed.length === 0 ? "" : `; not ${listed(denied)}`;
  return [{ ...step("calls", "note", `${may}${not}`, at), facts }];
}

function listed(names: readonly string[]): string {
  const more = names.length - NAMED_MAX;
  return `${names.slice(0, NAMED_MAX).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

/** @returns what the call needs, in brackets; undefined: nothing lets it in */
function mayCall(access: readonly AccessRule[] | undefined, from: string): string | undefined {
  const { rules, inShadow } = rulesFor(access, from);
  if (rules === undefined) return "";
  if (inShadow) return " (in shadow)";
  if (rules.length === 0) return undefined;
  const needs = new Set(rules.map(({ rule }) => needsOf(rule)));
  return needs.has("") ? "" : ` (${[...needs].join(" or ")})`;
}

function needsOf({ methods, paths, scopes, claims }: AccessRule): string {
  return [
    ...(methods.length === 0 ? [] : [methods.join("/")]),
    ...(paths === undefined ? [] : [paths.join(", ")]),
    ...scopes.map((scope) => `scope ${scope}`),
    ...Object.keys(claims ?? {}).map((claim) => `claim ${claim}`),
  ].join(" ");
}
