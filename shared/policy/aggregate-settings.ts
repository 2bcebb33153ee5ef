/** Settings of composed answers as the plan carries them. */
import type { RouteCache } from "../cache/route-cache.ts";
import type { TranscodeSettings } from "../transcode/settings.ts";
import type { RetrySettings, Template, UpstreamTarget } from "./settings.ts";
import type { Translation } from "./translate/translation.ts";

/** Where a value is: first a part or `identity`, `path`, `query`, `body`, then names; `*` stands for every element of a list. */
export type ValuePath = readonly string[];

/** A template of a value of JSON. Members are a list, since the order of a plan's mappings says nothing. */
export type JsonTemplate =
  | { readonly constant: string | number | boolean | null }
  /** The value itself, with its type. `omit`: left out of its list or mapping when it is not there. */
  | { readonly at: ValuePath; readonly omit?: true }
  | { readonly text: Template }
  | { readonly members: readonly (readonly [name: string, template: JsonTemplate])[] }
  | { readonly items: readonly JsonTemplate[] }
  /** One object of several; of members of the same name the later one stays. */
  | { readonly merge: readonly JsonTemplate[] }
  /** One list of the members of lists. */
  | { readonly flatten: JsonTemplate }
  /** A list of what becomes of each member, which is `item` in `as`. */
  | { readonly each: JsonTemplate; readonly as: JsonTemplate }
  /** Each object of a list with one of another list whose key is the same. */
  | { readonly join: JsonTemplate; readonly with: JsonTemplate; readonly on: JoinKeys; readonly as: string };

export type JoinKeys = readonly [left: ValuePath, right: ValuePath];

/** A header's value: literal pieces, paths of values, names of secrets. */
export type HeaderTemplate = readonly (string | ValuePath | { readonly secret: string })[];

export interface PartHeader {
  /** Lower case. */
  readonly name: string;
  readonly value: HeaderTemplate;
  /** Left out when a value is not there. Absent: the part fails. */
  readonly omit?: true;
}

export interface FanOut {
  /** The list of which each element is a call. */
  readonly in: ValuePath;
  readonly max: number;
  /** What becomes of more elements: the part fails, or the first `max` are called for and the answer says that it is partial. */
  readonly over: "fail" | "cut";
  readonly concurrency: number;
  /** A call that failed is null in its place. Absent: it fails the part. */
  readonly optional?: true;
}

export interface AggregatePart {
  readonly name: string;
  readonly method: string;
  readonly target: UpstreamTarget;
  /** Path and query, filled from `identity`, `path`, `query`, `body` and the parts named in `dependsOn`. */
  readonly path: Template;
  /** Parts whose value its templates need: it fails with them and is skipped with them. */
  readonly dependsOn: readonly string[];
  /** Other parts, which its condition or `after` names: it waits for them, whatever becomes of them. */
  readonly after?: readonly string[];
  /** Parameters that are added to the query: of a list one for each member. */
  readonly query?: readonly (readonly [name: string, template: JsonTemplate])[];
  readonly headers?: readonly PartHeader[];
  readonly body?: JsonTemplate;
  /** CEL; when it is false, the part is skipped. */
  readonly when?: string;
  /** CEL over `answer`; when it is false, the part has failed. */
  readonly expect?: string;
  readonly forEach?: FanOut;
  readonly optional: boolean;
  /** With its retries and redirects; each call of a fan-out has it for itself. */
  readonly timeoutMs: number;
  /** For plain origins alone: agents of the mesh retry by themselves. */
  readonly retries?: RetrySettings;
  /** Redirects within its own origin that are followed. Absent: none. */
  readonly redirects?: number;
  /** Absent: it is asked for each time. */
  readonly cache?: RouteCache;
  /** The call is one by gRPC. Absent: it is what it says. */
  readonly transcode?: TranscodeSettings;
  /** What its answer is. Absent: JSON. */
  readonly encoding?: "text" | Translation;
  /** What of its answer is kept, as dotted paths; absent: all. */
  readonly pick?: readonly string[];
  /** What of that is left out, as dotted paths. */
  readonly omit?: readonly string[];
  /** Its value when it fails. */
  readonly fallback?: { readonly value: unknown };
}

/** What becomes of the parts. Absent: an object of them, 200. */
export interface AnswerSettings {
  readonly output?: JsonTemplate;
  readonly status?: StatusPolicy;
  /** Part to the fields of its answer that the composed one has, lower case. */
  readonly headers?: readonly (readonly [part: string, names: readonly string[]])[];
  /** The answer names what is missing, and why, in a member `problems`. */
  readonly problems?: true;
}

export interface StatusPolicy {
  /** The part whose status the answer has, also when it fails. */
  readonly from?: string;
  /** Status of a required part that failed, or its class such as `4xx`, to what the client is told. */
  readonly map?: Readonly<Record<string, number>>;
}

export interface AggregateTarget {
  readonly kind: "aggregate";
  readonly parts: readonly AggregatePart[];
  readonly answer?: AnswerSettings;
  /** Templates or conditions name the request's body. */
  readonly readsBody?: true;
}
