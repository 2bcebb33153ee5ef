import type { ErrorPage } from "../policy/error-pages.ts";
import { pathsIn } from "../policy/json-edits.ts";
import { leavesOf } from "../policy/own-body.ts";
import type { EditValue, JsonTemplate } from "../policy/reshape.ts";
import { reshapeExpressions } from "../policy/reshape-expressions.ts";
import type { GatewayPlan, RoutePlan } from "./plan.ts";

/** Texts of what a plan's edits and own answers are evaluated by, each once. */
export interface RouteEdits {
  /** In CEL, over a request. */
  readonly ofRequest: readonly string[];
  /** In CEL, over an answer, too. */
  readonly ofAnswer: readonly string[];
  /** Regular expressions. */
  readonly regexes: readonly string[];
  /** JSONPaths. */
  readonly paths: readonly string[];
}

/** @returns undefined: the plan has neither edits that depend on requests nor answers of its own */
export function routeEdits(plan: Pick<GatewayPlan, "errorPages" | "routes">): RouteEdits | undefined {
  if (plan.errorPages === undefined && plan.routes.every(hasNone)) return undefined;
  const reshapes = plan.routes.map(({ reshape = {} }) => reshapeExpressions(reshape));
  const pages = [plan.errorPages ?? [], ...plan.routes.map(({ errorPages = [] }) => errorPages)].flat();
  const own = [...plan.routes.flatMap(ownExpressions), ...pages.flatMap(pageExpressions)];
  return {
    ofRequest: [...new Set([...reshapes.flatMap(({ ofRequest }) => ofRequest), ...own])],
    ofAnswer: [...new Set(reshapes.flatMap(({ ofAnswer }) => ofAnswer))],
    regexes: [...new Set(plan.routes.flatMap(regexOf))],
    paths: [...new Set(plan.routes.flatMap(pathsOf))],
  };
}

const hasNone = (route: RoutePlan): boolean =>
  route.reshape === undefined &&
  route.errorPages === undefined &&
  route.target.kind !== "respond" &&
  regexOf(route).length === 0;

function regexOf({ target }: RoutePlan): string[] {
  return target.kind === "forward" && typeof target.rewrite === "object" ? [target.rewrite.regex] : [];
}

function pathsOf({ reshape }: RoutePlan): string[] {
  return [reshape?.request?.json, ...(reshape?.answers ?? []).map(({ json }) => json)].flatMap(pathsIn);
}

function ownExpressions({ target }: RoutePlan): string[] {
  if (target.kind !== "respond") return [];
  const { fields, json } = target.answer;
  return [...Object.values(fields).flatMap(celOfValue), ...celIn(json)];
}

const pageExpressions = ({ json }: ErrorPage): string[] => celIn(json);

const celOfValue = (value: EditValue): string[] => (typeof value === "object" && "cel" in value ? [value.cel] : []);

const celIn = (template: JsonTemplate): string[] =>
  leavesOf(template).flatMap((leaf) => ("cel" in leaf ? leaf.cel : []));
