/**
 * What a GraphQL document asks a service to do, without knowing its schema: how deep, how much, and whether it asks for the schema
 * itself. Each fragment is weighed once, so that the work grows with the text and not with what it unfolds to.
 */
import {
  type DocumentNode,
  type FieldNode,
  GraphQLError,
  Kind,
  type OperationDefinitionNode,
  parse,
  type SelectionSetNode,
} from "graphql";
import { limits } from "../limits.ts";
import type { GraphqlRequest } from "./graphql-request.ts";

export type OperationKind = "query" | "mutation" | "subscription";

/** Counts are the largest that pass. */
export interface GraphqlSettings {
  /** Fields within each other. */
  readonly depthMax: number;
  readonly aliasesMax: number;
  readonly rootFieldsMax: number;
  readonly tokensMax: number;
  /** Requests in one HTTP request. */
  readonly batchMax: number;
  /** Of all requests of a batch together. Absent: any. */
  readonly costMax?: number;
  /** Field name to its cost; others cost 1. Absent: all do. */
  readonly costs?: Readonly<Record<string, number>>;
  /** Arguments that say how many items a field gives: they multiply the cost of what is asked of each. */
  readonly listArguments: readonly string[];
  readonly operations: readonly OperationKind[];
  /** Absent: nobody may ask for the schema. */
  readonly introspection?: true;
  /** SHA-256 of the documents that pass, hex, lower case. Absent: any may. */
  readonly allow?: readonly string[];
  /** Absent: enforced. */
  readonly shadow?: true;
}

/** Why a request is refused, as clients are told. `code` as the field has them. */
export interface GraphqlRefusal {
  readonly code:
    | "GRAPHQL_PARSE_FAILED"
    | "OPERATION_RESOLUTION_FAILURE"
    | "PERSISTED_QUERY_NOT_FOUND"
    | "OPERATION_NOT_ALLOWED"
    | "INTROSPECTION_DISABLED"
    | "QUERY_TOO_DEEP"
    | "QUERY_TOO_COSTLY"
    | "TOO_MANY_ALIASES"
    | "TOO_MANY_ROOT_FIELDS"
    | "BATCH_TOO_LARGE";
  readonly message: string;
}

/** One request, with the hash of its document where there is an allow-list. */
export interface HashedRequest extends GraphqlRequest {
  readonly hash: string | undefined;
}

/** @param isGet whether only what is safe may be asked (GraphQL over HTTP section 6.1) */
export function judgeGraphql(
  requests: readonly HashedRequest[],
  isGet: boolean,
  settings: GraphqlSettings,
): GraphqlRefusal | undefined {
  if (requests.length > settings.batchMax)
    return {
      code: "BATCH_TOO_LARGE",
      message: `A list of ${requests.length} requests; at most ${settings.batchMax} may come at once.`,
    };
  let cost = 0;
  for (const request of requests) {
    const weighed = withinStack(() => judgeOne(request, isGet, settings));
    if (typeof weighed === "object") return weighed;
    cost += weighed;
  }
  const { costMax } = settings;
  if (costMax === undefined || cost <= costMax) return undefined;
  return { code: "QUERY_TOO_COSTLY", message: `This costs ${cost}; at most ${costMax} may be asked for at once.` };
}

/** What nests deeper than the stack bears is deeper than any `depthMax`. */
function withinStack<Weighed>(weighing: () => Weighed): Weighed | GraphqlRefusal {
  try {
    return weighing();
  } catch (cause) {
    if (cause instanceof RangeError) return { code: "QUERY_TOO_DEEP", message: "This is nested far too deeply." };
    throw cause;
  }
}

/** @returns its cost */
function judgeOne(request: HashedRequest, isGet: boolean, settings: GraphqlSettings): number | GraphqlRefusal {
  const { query, hash, persistedHash } = request;
  const { allow } = settings;
  if (query === undefined) {
    // Clients then send the document itself, which can be judged.
    if (allow === undefined) return { code: "PERSISTED_QUERY_NOT_FOUND", message: "PersistedQueryNotFound" };
    return allow.includes(persistedHash ?? "") ? 0 : NOT_LISTED;
  }
  if (allow !== undefined && !allow.includes(hash ?? "")) return NOT_LISTED;
  const document = parsed(query, settings.tokensMax);
  if ("code" in document) return document;
  const operation = chosenOperation(document, request.operationName);
  if ("code" in operation) return operation;
  if (!settings.operations.includes(operation.operation) || (isGet && operation.operation !== "query"))
    return { code: "OPERATION_NOT_ALLOWED", message: `A ${operation.operation} may not be asked for here.` };
  return weigh(document, operation, request.variables, settings);
}

const NOT_LISTED: GraphqlRefusal = {
  code: "OPERATION_NOT_ALLOWED",
  message: "This document is not one of those that may be asked for.",
};

function parsed(query: string, maxTokens: number): DocumentNode | GraphqlRefusal {
  if (hasMoreComments(query, maxTokens))
    return { code: "GRAPHQL_PARSE_FAILED", message: `More than ${maxTokens} lines have a comment.` };
  try {
    return parse(query, { maxTokens, noLocation: true });
  } catch (cause) {
    if (cause instanceof GraphQLError) return { code: "GRAPHQL_PARSE_FAILED", message: cause.message };
    throw cause;
  }
}

/** The parser does not count comments, but keeps each of them until it is done. */
function hasMoreComments(query: string, most: number): boolean {
  const comment = /#[^\n\r]*/g;
  for (let count = 0; count <= most; count++) if (!comment.test(query)) return false;
  return true;
}

function chosenOperation(document: DocumentNode, name: string | undefined): OperationDefinitionNode | GraphqlRefusal {
  const operations = document.definitions.filter(
    (one): one is OperationDefinitionNode =>
      one.kind === Kind.OPERATION_DEFINITION && (name === undefined || one.name?.value === name),
  );
  const [operation, ...others] = operations;
  if (operation !== undefined && others.length === 0) return operation;
  const which = name === undefined ? "exactly one operation, or `operationName`" : `exactly one operation ${name}`;
  return { code: "OPERATION_RESOLUTION_FAILURE", message: `The document needs ${which}.` };
}

interface Weight {
  readonly depth: number;
  readonly cost: number;
  readonly aliases: number;
  readonly fields: number;
  readonly introspects: boolean;
}

const NOTHING: Weight = { depth: 0, cost: 0, aliases: 0, fields: 0, introspects: false };

function weigh(
  document: DocumentNode,
  operation: OperationDefinitionNode,
  variables: Readonly<Record<string, unknown>>,
  settings: GraphqlSettings,
): number | GraphqlRefusal {
  const weight = new Scale(document, operation, variables, settings).ofSelections(operation.selectionSet);
  if ("code" in weight) return weight;
  const { depthMax, aliasesMax, rootFieldsMax, introspection } = settings;
  if (weight.introspects && introspection !== true)
    return { code: "INTROSPECTION_DISABLED", message: "The schema may not be asked for here." };
  if (weight.depth > depthMax)
    return { code: "QUERY_TOO_DEEP", message: `This is ${weight.depth} fields deep; at most ${depthMax} are allowed.` };
  if (weight.aliases > aliasesMax)
    return {
      code: "TOO_MANY_ALIASES",
      message: `This has ${weight.aliases} aliases; at most ${aliasesMax} are allowed.`,
    };
  if (weight.fields > rootFieldsMax)
    return {
      code: "TOO_MANY_ROOT_FIELDS",
      message: `This asks for ${weight.fields} root fields; at most ${rootFieldsMax} are allowed.`,
    };
  return weight.cost;
}

/** Weighs what one operation unfolds to. */
class Scale {
  readonly #fragments: ReadonlyMap<string, SelectionSetNode>;
  readonly #weights = new Map<string, Weight | "open">();
  readonly #variables: ReadonlyMap<string, unknown>;
  readonly #settings: GraphqlSettings;

  constructor(
    { definitions }: DocumentNode,
    { variableDefinitions = [] }: OperationDefinitionNode,
    variables: Readonly<Record<string, unknown>>,
    settings: GraphqlSettings,
  ) {
    this.#settings = settings;
    this.#fragments = new Map(
      definitions.flatMap((one) => (one.kind === Kind.FRAGMENT_DEFINITION ? [[one.name.value, one.selectionSet]] : [])),
    );
    this.#variables = new Map(
      variableDefinitions.map(({ variable, defaultValue }) => {
        const { value: name } = variable.name;
        const stated = Object.hasOwn(variables, name) ? variables[name] : undefined;
        return [name, stated ?? (defaultValue?.kind === Kind.INT ? Number(defaultValue.value) : undefined)];
      }),
    );
  }

  ofSelections({ selections }: SelectionSetNode): Weight | GraphqlRefusal {
    let sum = NOTHING;
    for (const selection of selections) {
      const one =
        selection.kind === Kind.FIELD
          ? this.#ofField(selection)
          : selection.kind === Kind.INLINE_FRAGMENT
            ? this.ofSelections(selection.selectionSet)
            : this.#ofFragment(selection.name.value);
      if ("code" in one) return one;
      sum = together(sum, one);
    }
    return sum;
  }

  #ofField(field: FieldNode): Weight | GraphqlRefusal {
    const name = field.name.value;
    const below = field.selectionSet === undefined ? NOTHING : this.ofSelections(field.selectionSet);
    if ("code" in below) return below;
    const { costs = {} } = this.#settings;
    const own = Object.hasOwn(costs, name) ? (costs[name] ?? 1) : 1;
    return {
      depth: below.depth + 1,
      cost: bounded(own + this.#itemsOf(field) * below.cost),
      aliases: bounded(below.aliases + (field.alias === undefined ? 0 : 1)),
      fields: 1,
      introspects: below.introspects || name === "__schema" || name === "__type",
    };
  }

  #ofFragment(name: string): Weight | GraphqlRefusal {
    const known = this.#weights.get(name);
    if (known === "open") return { code: "GRAPHQL_PARSE_FAILED", message: `The fragment ${name} is part of itself.` };
    if (known !== undefined) return known;
    const selections = this.#fragments.get(name);
    if (selections === undefined) return { code: "GRAPHQL_PARSE_FAILED", message: `There is no fragment ${name}.` };
    this.#weights.set(name, "open");
    const weight = this.ofSelections(selections);
    if (!("code" in weight)) this.#weights.set(name, weight);
    return weight;
  }

  /** How many items the field says it wants; the service has to refuse what is no number. */
  #itemsOf({ arguments: stated = [] }: FieldNode): number {
    let items = 1;
    for (const { name, value } of stated) {
      if (!this.#settings.listArguments.includes(name.value)) continue;
      const wanted =
        value.kind === Kind.INT
          ? Number(value.value)
          : value.kind === Kind.VARIABLE
            ? this.#variables.get(value.name.value)
            : undefined;
      if (typeof wanted === "number" && wanted > items) items = wanted;
    }
    return items;
  }
}

const together = (a: Weight, b: Weight): Weight => ({
  depth: Math.max(a.depth, b.depth),
  cost: bounded(a.cost + b.cost),
  aliases: bounded(a.aliases + b.aliases),
  fields: bounded(a.fields + b.fields),
  introspects: a.introspects || b.introspects,
});

/** What doubles with each fragment would else become infinite. */
const bounded = (count: number): number => Math.min(count, limits.graphql.costMax + 1);
