/** A past request, as it is explained again. */
import type { ErrorCode } from "../errors.ts";
import type { RequestRecord } from "../policy/request-record.ts";
import { HIDDEN } from "../policy/tap-entry.ts";
import type { PreparedPlan } from "./explain.ts";
import type { Credential, ExplainRequest, Explanation } from "./explain-step.ts";

/** In the place of what is hidden in a field: it has every form that is judged, and is nobody's value. */
const STANDS_FOR_HIDDEN = '"hidden"';
const IN_TARGET = "hidden";

/** @param before the plan that it was decided by, or one like it */
export function requestOfRecord({ entry, request }: RequestRecord, before: PreparedPlan): ExplainRequest {
  const { connectedFrom = entry.clientIp } = request;
  return {
    ...{ method: entry.method, host: request.authority || entry.host, scheme: request.scheme },
    path: entry.path.replaceAll(HIDDEN, IN_TARGET),
    query: request.query.replaceAll(HIDDEN, IN_TARGET),
    headers: request.headers.map(([name, value]) => [name, value === HIDDEN ? STANDS_FOR_HIDDEN : value]),
    ...(connectedFrom !== undefined && { clientIp: connectedFrom }),
    credential: credentialOf(request.identity, entry, before),
  };
}

/** @returns milliseconds since the epoch: life cycles and faults are judged as of then */
export const timeOfRecord = ({ entry }: RequestRecord): number => Date.parse(entry.time);

function credentialOf(
  identity: RequestRecord["request"]["identity"],
  entry: RequestRecord["entry"],
  { asking }: PreparedPlan,
): Credential {
  const { error, route } = entry;
  const refused = refusalOf(entry);
  // Whoever was let in as nobody by a route that asks had nothing that it takes.
  const isNobody =
    refused === undefined &&
    identity?.method === "anonymous" &&
    route !== undefined &&
    asking.has(route) &&
    !wouldHaveFailed(entry);
  return {
    kind: "recorded",
    ...(identity !== undefined && { identity }),
    ...(refused !== undefined && { refused }),
    ...((error === "credentials_missing" || isNobody) && { missing: true }),
  };
}

/** Why credentials were refused, or would have been by what is in shadow. */
function refusalOf({ error, reason, wouldRefuse = [] }: RequestRecord["entry"]): string | undefined {
  const found = [{ error, reason }, ...wouldRefuse].find((one) => REFUSES_CREDENTIALS.has(one.error));
  return found && (found.reason ?? found.error);
}

/** In shadow it passed as nobody, and not for want of credentials. */
const wouldHaveFailed = ({ wouldRefuse = [] }: RequestRecord["entry"]): boolean =>
  wouldRefuse.some(({ policy, error }) => policy === "auth" && error !== "credentials_missing");

const REFUSES_CREDENTIALS: ReadonlySet<string | undefined> = new Set<ErrorCode>(["credentials_invalid", "cross_site"]);

/** What a document alone can refuse with. All else comes of counts, of content, of code or of what answers. */
const BY_DOCUMENT: ReadonlySet<string> = new Set<ErrorCode>([
  ...(["bad_request", "ambiguous_path", "ambiguous_framing", "uri_too_long", "header_too_large"] as const),
  ...(["not_implemented", "loop_detected", "unknown_host", "no_route", "method_not_allowed"] as const),
  ...(["route_quarantined", "route_ended", "origin_not_allowed", "websocket_version", "operation_unknown"] as const),
  ...(["credentials_missing", "credentials_invalid", "cross_site", "scope_missing", "not_permitted"] as const),
  ...(["idempotency_key_missing", "idempotency_key_invalid", "access_denied", "unknown_service"] as const),
]);

/**
 * Whether an explanation says what was recorded: the same route, and the same refusal or none. What no document can tell is no
 * contradiction.
 */
export function saysWhatWas({ route, result }: Explanation, { entry }: RequestRecord): boolean {
  const results = result.outcome === "drawn" ? result.among.map((one) => one.result) : [result];
  const refusals = results.flatMap((one) => (one.outcome === "refuse" ? [one.code] : []));
  const { error } = entry;
  const isTold = error !== undefined && refusals.includes(error);
  const isElse = error === undefined || !BY_DOCUMENT.has(error);
  const isSame = isTold || (isElse && refusals.length < results.length);
  return isSame && (!isNamed(entry) || route?.name === entry.route);
}

/** What is out of service, or was refused before anybody looked for a route, has no name in the log. */
function isNamed({ route, error }: RequestRecord["entry"]): boolean {
  if (error === "route_quarantined") return false;
  if (error === "no_route") return route === undefined;
  return route !== undefined || error === undefined || BY_DOCUMENT.has(error);
}
