/**
 * Conditions of an aggregate's parts: CEL as conditions of `auth` are, over what is known when the part could begin. Loaded only
 * where a document has one.
 */
import { type ASTNode, Environment, EvaluationError } from "@marcbachmann/cel-js";
import { childrenOf, countValues, expressionLimits, LOOPS, parseExpression, summaryOf } from "../auth/condition.ts";
import { exactNumber } from "../http/raw-number.ts";
import { limits } from "../limits.ts";

export interface PartCondition {
  /** What it names, but for the variables of its loops. */
  readonly names: readonly string[];
  /** What it asks the status of. */
  readonly statusOf: readonly string[];
  /** @param view every name's value. @returns true or false, or why it has no value */
  evaluate(view: Readonly<Record<string, unknown>>): boolean | string;
}

let shared: Environment | undefined;

/** Parts are not known here: whoever checks a document looks at `names`. */
function environment(): Environment {
  shared ??= new Environment({ unlistedVariablesAreDyn: true, limits: expressionLimits });
  return shared;
}

/** @returns the condition, or why the text is none */
export function parsePartCondition(text: string): PartCondition | string {
  const parsed = parseExpression(text, ["bool"], environment());
  if (typeof parsed === "string") return parsed;
  const found: Named = { names: new Set(), statusOf: new Set(), statuses: 0 };
  collectNames(parsed.ast, new Set(), found);
  if (found.statuses > 0) return "status has to be asked by name, such as status.user";
  return {
    names: [...found.names],
    statusOf: [...found.statusOf],
    evaluate: (view) => {
      const { conditionValuesMax } = limits.aggregate;
      if (countValues(view, conditionValuesMax) > conditionValuesMax)
        return `what it names holds more than ${conditionValuesMax} values`;
      try {
        const value: unknown = parsed(withIntegers(view) as Record<string, unknown>);
        return typeof value === "boolean" ? value : `gave ${typeof value}, expected bool`;
      } catch (error) {
        return error instanceof EvaluationError ? summaryOf(error) : String(error);
      }
    },
  };
}

interface Named {
  readonly names: Set<string>;
  readonly statusOf: Set<string>;
  /** Uses of `status` that do not say whose. */
  statuses: number;
}

function collectNames(node: ASTNode, bound: ReadonlySet<string>, found: Named): void {
  if (node.op === "id") {
    if (bound.has(node.args)) return;
    found.names.add(node.args);
    if (node.args === "status") found.statuses++;
    return;
  }
  const asked = bound.has("status") ? undefined : askedStatus(node);
  if (asked !== undefined) {
    found.names.add("status");
    found.statusOf.add(asked);
    return;
  }
  if (node.op === "rcall" && LOOPS.includes(node.args[0])) {
    const [, list, [variable, ...inner]] = node.args;
    collectNames(list, bound, found);
    const inside = variable?.op === "id" ? new Set([...bound, variable.args]) : bound;
    for (const one of inner) collectNames(one, inside, found);
    return;
  }
  for (const child of childrenOf(node.args)) collectNames(child, bound, found);
}

/** `status.user` or `status["user"]`: the name. */
function askedStatus(node: ASTNode): string | undefined {
  if (node.op !== "." && node.op !== "[]") return undefined;
  const [whole, member] = node.args;
  if (whole.op !== "id" || whole.args !== "status") return undefined;
  if (typeof member === "string") return member;
  return member.op === "value" && typeof member.args === "string" ? member.args : undefined;
}

/** Integers that were kept as they were written are integers of CEL, as far as those reach. */
function withIntegers(value: unknown): unknown {
  const digits = exactNumber(value);
  if (digits !== undefined) return integerOf(digits);
  if (typeof value !== "object" || value === null || !holdsExact(value)) return value;
  if (Array.isArray(value)) return value.map(withIntegers);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withIntegers(member)]));
}

function holdsExact(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return exactNumber(value) !== undefined || Object.values(value).some(holdsExact);
}

function integerOf(digits: string): bigint | number {
  if (!/^-?\d+$/.test(digits)) return Number(digits);
  const value = BigInt(digits);
  return BigInt.asIntN(64, value) === value ? value : Number(digits);
}
