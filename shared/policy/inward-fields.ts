/** What of a client's request does not go on inside, since it would be believed there. */
import { withoutOwnCookies } from "../http/cookies.ts";
import { TRACEPARENT, TRACESTATE } from "../http/header-names.ts";
import { parseTraceparent } from "../http/trace-context.ts";
import { passedTracestate, withoutOwnState } from "../http/trace-state.ts";
import { forgedFields } from "./identity-headers.ts";

export interface ReceivedFields {
  /** Names in lower case. */
  readonly names: Iterable<string>;
  /** Value of a field, its lines joined. @param name in lower case */
  readonly field: (name: string) => string | null | undefined;
  /** What `inspectHead` found. */
  readonly dropped: readonly string[];
  /** What the plan says that others say, `believedFields`. */
  readonly believed: readonly string[];
}

export interface InwardFields {
  /** Names of fields that end here, in lower case. */
  readonly ended: readonly string[];
  /** Stands instead of the `Cookie` that came; absent: that stays, or ends. */
  readonly cookies?: string;
  /** Stands instead of the `tracestate` that came, which was too long or oddly written; absent: that stays, or ends. */
  readonly tracestate?: string;
}

/** What the edge itself says comes on top: `forwardingFields`. */
export function inwardFields({ names, field, dropped, believed }: ReceivedFields): InwardFields {
  const ended = [...dropped];
  if (believed.length > 0) ended.push(...forgedFields(believed, names));
  const state = passed(field(TRACESTATE), (value) => stateOf(value, field(TRACEPARENT)), TRACESTATE, ended);
  const cookies = passed(field("cookie"), withoutOwnCookies, "cookie", ended);
  return { ended, ...(cookies !== undefined && { cookies }), ...(state !== undefined && { tracestate: state }) };
}

/** @param edit empty: nothing of it goes on @returns what stands instead of it; undefined: it stays, or ends, or is not there */
function passed(
  value: string | null | undefined,
  edit: (value: string) => string,
  name: string,
  ended: string[],
): string | undefined {
  if (typeof value !== "string") return undefined;
  const kept = edit(value);
  if (kept === "") ended.push(name);
  return kept === "" || kept === value ? undefined : kept;
}

/** A `tracestate` belongs to its `traceparent` (Trace Context section 3.3.1). */
const stateOf = (state: string, parent: string | null | undefined): string =>
  parseTraceparent(parent ?? undefined) === undefined ? "" : withoutOwnState(passedTracestate(state));
