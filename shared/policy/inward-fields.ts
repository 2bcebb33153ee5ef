/** What of a client's request does not go on inside, since it would be believed there. */
import { withoutOwnCookies } from "../http/cookies.ts";
import { TRACEPARENT, TRACESTATE } from "../http/header-names.ts";
import { parseTraceparent } from "../http/trace-context.ts";
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
}

/** What the edge itself says comes on top: `forwardingFields`. */
export function inwardFields({ names, field, dropped, believed }: ReceivedFields): InwardFields {
  const ended = [...dropped];
  if (believed.length > 0) ended.push(...forgedFields(believed, names));
  // A `tracestate` belongs to its `traceparent` (Trace Context section 3.3.1).
  if (typeof field(TRACESTATE) === "string" && parseTraceparent(field(TRACEPARENT) ?? undefined) === undefined)
    ended.push(TRACESTATE);
  const cookies = field("cookie");
  if (typeof cookies !== "string") return { ended };
  const kept = withoutOwnCookies(cookies);
  if (kept === cookies) return { ended };
  if (kept !== "") return { ended, cookies: kept };
  ended.push("cookie");
  return { ended };
}
