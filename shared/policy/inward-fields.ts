/** What of a client's request does not go on inside, since it would be believed there. */
import { withoutOwnCookies } from "../http/cookies.ts";
import { TRACEPARENT, TRACESTATE } from "../http/header-names.ts";
import { parseTraceparent } from "../http/trace-context.ts";
import { passedTracestate } from "../http/trace-state.ts";
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
  const state = field(TRACESTATE);
  const passed = typeof state === "string" ? stateOf(state, field(TRACEPARENT)) : undefined;
  if (typeof state === "string" && passed === undefined) ended.push(TRACESTATE);
  const tracestate = passed !== undefined && passed !== state ? { tracestate: passed } : undefined;
  const cookies = field("cookie");
  if (typeof cookies !== "string") return { ended, ...tracestate };
  const kept = withoutOwnCookies(cookies);
  if (kept === cookies) return { ended, ...tracestate };
  if (kept !== "") return { ended, cookies: kept, ...tracestate };
  ended.push("cookie");
  return { ended, ...tracestate };
}

/** A `tracestate` belongs to its `traceparent` (Trace Context section 3.3.1). */
const stateOf = (state: string, parent: string | null | undefined): string | undefined =>
  parseTraceparent(parent ?? undefined) === undefined ? undefined : passedTracestate(state);
