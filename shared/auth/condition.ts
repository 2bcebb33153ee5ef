/**
 * Expressions in CEL (https://cel.dev) over an identity and its request. What an expression may use is a closed list, so
 * that one evaluation is bounded: nothing that backtracks (`matches`), nothing that makes texts or lists grow (`map`,
 * `split`, `join`, `bind`), no loop inside a loop.
 */
import { type ASTNode, Environment, EvaluationError, type ParseResult } from "@marcbachmann/cel-js";
import type { Identity } from "../identity/identity.ts";
import { limits } from "../limits.ts";

/** What an expression sees of the request beside the identity. */
export interface ConditionRequest {
  readonly method: string;
  readonly host: string;
  /** Normalised, without query. */
  readonly path: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface Condition {
  /** True or false, or why it has no value: a claim that is not there, a value of another type. */
  evaluate(identity: Identity, request: ConditionRequest): boolean | string;
}

export const LOOPS = ["all", "exists", "exists_one", "filter"];
const CALLS = new Set([
  ...LOOPS,
  ...["has", "size", "startsWith", "endsWith", "contains", "lowerAscii", "upperAscii", "trim"],
  ...["string", "int", "double", "dyn", "type"],
]);

let shared: Environment | undefined;

/** Bounds of an expression, whatever it may name. */
export const expressionLimits = {
  maxAstNodes: limits.condition.nodesMax,
  maxDepth: limits.condition.depthMax,
  maxListElements: limits.condition.literalMembersMax,
  maxMapEntries: limits.condition.literalMembersMax,
  maxCallArguments: 4,
};

/** Made by the first use: most plans have no expression. */
function environment(): Environment {
  shared ??= new Environment({ limits: expressionLimits })
    .registerVariable({
      name: "identity",
      schema: {
        sub: "string",
        issuer: "string",
        scopes: "list<string>",
        claims: "map<string, dyn>",
        consumer: "string",
        plan: "string",
        groups: "list<string>",
        method: "string",
      },
    })
    .registerVariable({
      name: "request",
      schema: { method: "string", host: "string", path: "string", headers: "map<string, string>" },
    });
  return shared;
}

/** What an expression sees of an answer. */
export interface ConditionAnswer {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
}

let answers: Environment | undefined;

function answerEnvironment(): Environment {
  answers ??= environment()
    .clone()
    .registerVariable({ name: "response", schema: { status: "int", headers: "map<string, string>" } });
  return answers;
}

/** An expression over an answer and the request that it is for. */
export interface AnswerExpression {
  /** Its value, whatever that is; undefined when it has none. */
  evaluate(identity: Identity, request: ConditionRequest, response: ConditionAnswer): unknown;
}

/** @returns the expression, or why the text is none */
export function parseAnswerExpression(text: string): AnswerExpression | string {
  const parsed = parseExpression(text, ["string", "int", "double", "bool"], answerEnvironment());
  if (typeof parsed === "string") return parsed;
  return {
    evaluate: (identity, request, { status, headers }) => {
      const result = evaluate(parsed, identity, request, { response: { status: BigInt(status), headers } });
      return "failed" in result ? undefined : result.value;
    },
  };
}

/** @returns the condition, or why the text is none: its syntax, its types, or what it uses */
export function parseCondition(text: string): Condition | string {
  const parsed = parseExpression(text, ["bool"]);
  if (typeof parsed === "string") return parsed;
  return {
    evaluate: (identity, request) => {
      const result = evaluate(parsed, identity, request);
      if ("failed" in result) return result.failed;
      return typeof result.value === "boolean" ? result.value : `gave ${typeof result.value}, expected bool`;
    },
  };
}

/** An expression whose value tells requests apart. */
export interface KeyExpression {
  /** Whether all the values that it can have stand in it: true and false, or texts that it chooses from. */
  readonly isClosed: boolean;
  /** Its value, whatever that is; undefined when it has none. */
  evaluate(identity: Identity, request: ConditionRequest): unknown;
}

/** @returns the expression, or why the text is none */
export function parseKeyExpression(text: string): KeyExpression | string {
  const parsed = parseExpression(text, ["string", "int", "double", "bool"]);
  if (typeof parsed === "string") return parsed;
  return {
    isClosed: parsed.check().type === "bool" || isLiteral(parsed.ast),
    evaluate: (identity, request) => {
      const result = evaluate(parsed, identity, request);
      return "failed" in result ? undefined : result.value;
    },
  };
}

function isLiteral(node: ASTNode): boolean {
  if (node.op === "?:") return isLiteral(node.args[1]) && isLiteral(node.args[2]);
  return node.op === "value";
}

/** @param within what the expression may name */
export function parseExpression(
  text: string,
  types: readonly string[],
  within: Environment = environment(),
): ParseResult | string {
  if (text.length > limits.condition.charsMax) return `longer than ${limits.condition.charsMax} characters`;
  let parsed: ParseResult;
  try {
    parsed = within.parse(text);
  } catch (error) {
    return summaryOf(error);
  }
  const refused = refuseNode(parsed.ast, false);
  if (refused !== undefined) return refused;
  const { valid, type, error } = parsed.check();
  if (!valid) return summaryOf(error);
  if (type !== "dyn" && !types.includes(type ?? "")) return `gives ${type}, expected ${types.join(" or ")}`;
  return parsed;
}

type Evaluated = { readonly value: unknown } | { readonly failed: string };

function evaluate(
  parsed: ParseResult,
  identity: Identity,
  request: ConditionRequest,
  more: Readonly<Record<string, unknown>> = {},
): Evaluated {
  if (countValues(identity.claims, limits.condition.claimValuesMax) > limits.condition.claimValuesMax)
    return { failed: `the claims hold more than ${limits.condition.claimValuesMax} values` };
  const { consumer = "", plan = "" } = identity;
  try {
    return { value: parsed({ identity: { ...identity, consumer, plan }, request, ...more }) };
  } catch (error) {
    return { failed: error instanceof EvaluationError ? error.summary : String(error) };
  }
}

/** Values of all levels, counted no further than the bound. */
export function countValues(whole: unknown, max: number): number {
  const pending: unknown[] = [whole];
  let count = 0;
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (typeof next !== "object" || next === null) continue;
    const values = Object.values(next);
    count += values.length;
    if (count > max) return count;
    for (const value of values) pending.push(value);
  }
  return count;
}

/** @param inLoop whether a loop goes on around it */
function refuseNode(node: ASTNode, inLoop: boolean): string | undefined {
  if (node.op === "call" || node.op === "rcall") {
    const [name] = node.args;
    if (!CALLS.has(name)) return `${name} cannot be used, only ${[...CALLS].join(", ")}`;
    if (inLoop && LOOPS.includes(name)) return `${name} stands inside another loop`;
  }
  const isLoop = node.op === "rcall" && LOOPS.includes(node.args[0]);
  const children = childrenOf(node.args);
  for (let at = 0; at < children.length; at++) {
    // The list that is looped over is made once; only what is asked of its members is inside the loop.
    const refused = refuseNode(children[at] as ASTNode, inLoop || (isLoop && at > 0));
    if (refused !== undefined) return refused;
  }
  return undefined;
}

/** The nodes directly below. */
export function childrenOf(args: unknown): ASTNode[] {
  if (Array.isArray(args)) return args.flatMap(childrenOf);
  return typeof args === "object" && args !== null && "op" in args ? [args as ASTNode] : [];
}

/** What is wrong, for people. */
export function summaryOf(error: unknown): string {
  const { summary, message } = error as { summary?: string; message?: string };
  return summary ?? message ?? String(error);
}
