/** How a route holds requests and answers to a contract; compiled from `validate` of the document. */

/** `shadow`: judged, counted and logged, and nobody is refused. */
export type ValidationMode = "enforce" | "shadow" | "off";

/** What becomes of what a contract does not describe. */
export type Unknown = "refuse" | "pass";

export interface RouteValidation {
  /** Name of the contract in the document, for people. */
  readonly name: string;
  /** What it is the contract of, where the route has it from what it leads to: paths are then those that are asked for there. */
  readonly of?: { readonly service: string } | { readonly upstream: string };
  /** Digest of the contract (`Contract` as canonical JSON). */
  readonly contract: string;
  readonly requests: ValidationMode;
  readonly responses: ValidationMode;
  /** Of the answers, how many are judged: above 0, at most 1. */
  readonly responseShare: number;
  /** Instead of the contract's: what of a request's path stands before the paths of the contract, "" for nothing. */
  readonly basePath?: string;
  /** Requests of an operation, path or method that the contract does not have. */
  readonly unknownOperations: Unknown;
  /** Parameters of the query that the operation does not have. */
  readonly unknownQuery: Unknown;
  /** Content of a media type that the operation does not take; where it passes it is not judged. */
  readonly unknownContent: Unknown;
  /** Whether `format` of schemas is asserted, where the format is known. */
  readonly formats: boolean;
  /** Findings that are told of one request or answer. */
  readonly findingsMax: number;
}

const STRENGTH: Readonly<Record<ValidationMode, number>> = { off: 0, shadow: 1, enforce: 2 };

/**
 * How an operation is held to its contract on a route: the weaker of both words, so that a contract takes single operations back and
 * a route that begins in shadow has none that refuses.
 * @param operation absent: it says nothing
 */
export function weakerMode(route: ValidationMode, operation: ValidationMode | undefined): ValidationMode {
  return operation !== undefined && STRENGTH[operation] < STRENGTH[route] ? operation : route;
}
