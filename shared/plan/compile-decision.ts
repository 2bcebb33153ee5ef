import type { DecisionPoint, DecisionSettings, EntityFilling, Filling, Fillings } from "../auth/decision.ts";
import type { DecisionConfig, DecisionPointConfig } from "../config/schema-decisions.ts";
import { parseTemplate } from "../config/template.ts";
import { durationOr } from "../config/units.ts";
import { limits } from "../limits.ts";
import type { Template } from "../policy/settings.ts";
import { lowerCaseKeys, mapValues, sorted } from "./sorted.ts";

/** Of the Access Evaluation API where only the decision point's origin is known (section 10.1.1). */
const STANDARD_PATH = "/access/v1/evaluation";

export function compileDecisionPoint({ authzen }: DecisionPointConfig): DecisionPoint {
  const { url, headers, claims, timeout, remember, onFailure } = authzen;
  const { waitMs, rememberMs } = limits.decision;
  return {
    kind: "authzen",
    url: endpointOf(url),
    headers: lowerCaseKeys(headers),
    claims: sorted(claims ?? []),
    timeoutMs: durationOr(timeout, waitMs),
    rememberMs: durationOr(remember, rememberMs),
    onFailure: onFailure ?? "closed",
  };
}

function endpointOf(text: string): string {
  const url = new URL(text);
  return url.pathname === "/" && url.search === "" ? url.origin + STANDARD_PATH : text;
}

/** What a route asks. */
export function compileDecision(decision: DecisionConfig): DecisionSettings {
  if (typeof decision === "string") return { by: decision };
  const { by, subject, action, resource, context, mode } = decision;
  return {
    by,
    ...(subject !== undefined && { subject: compileEntity(subject) }),
    ...(action !== undefined && {
      action: {
        ...(action.name !== undefined && { name: template(action.name) }),
        ...(action.properties !== undefined && { properties: compileFillings(action.properties) }),
      },
    }),
    ...(resource !== undefined && { resource: compileEntity(resource) }),
    ...(context !== undefined && { context: compileFillings(context) }),
    ...(mode === "shadow" && { mode }),
  };
}

type EntityConfig = NonNullable<Exclude<DecisionConfig, string>["subject"]>;

function compileEntity({ type, id, properties }: EntityConfig): EntityFilling {
  return {
    ...(type !== undefined && { type: template(type) }),
    ...(id !== undefined && { id: template(id) }),
    ...(properties !== undefined && { properties: compileFillings(properties) }),
  };
}

function compileFillings(fillings: Readonly<Record<string, string | number | boolean>>): Fillings {
  return mapValues(fillings, (value): Filling => (typeof value === "string" ? template(value) : value));
}

const template = (text: string): Template => parseTemplate(text).parts;
