/** A request as a tap shows it. What may hold secrets is hidden before it leaves the source. */
import type { AccessLogEntry } from "../http/access-log.ts";
import { CREDENTIAL_FIELDS } from "../http/credential-fields.ts";
import { taps } from "../limits/taps.ts";

/** `query` with its values hidden, unless the tap may reveal; headers only where it may. */
export type TapEntry = AccessLogEntry & {
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
};

/** Read only for requests that are shown. */
export interface TapDetail {
  /** Behind the `?`; empty: none. */
  readonly query: string;
  readonly headers: Iterable<readonly [name: string, value: string]>;
}

export const HIDDEN = "…";

/** @param reveal whether values are shown; those of credentials never are */
export function tapEntry(entry: AccessLogEntry, { query, headers }: TapDetail, reveal: boolean): TapEntry {
  const shown = reveal ? query.slice(0, taps.detailCharsMax) : hideValues(query);
  return {
    ...entry,
    path: entry.path.slice(0, taps.detailCharsMax),
    ...(shown !== "" && { query: shown }),
    ...(reveal && { headers: shownHeaders(headers) }),
  };
}

/** Names of a query stay: `page=2&token=abc` becomes `page=…&token=…`. */
export function hideValues(query: string): string {
  if (query === "") return "";
  const hidden = query.split("&").map((pair) => {
    const at = pair.indexOf("=");
    // What has no name may be all value.
    return at < 0 ? HIDDEN : `${pair.slice(0, at)}=${HIDDEN}`;
  });
  return hidden.join("&").slice(0, taps.detailCharsMax);
}

/** Names of fields and parameters whose values may prove who somebody is. */
export const CREDENTIAL =
  /auth|cookie|token|secret|password|signature|session|credential|jwt|api-?key|-key$|^dpop$|^key$|cert/i;

/** Headers with their values, but for those that may carry a credential. */
export function shownHeaders(headers: TapDetail["headers"]): Record<string, string> {
  const found: Record<string, string> = {};
  let count = 0;
  let room: number = taps.detailCharsMax;
  for (const [name, value] of headers) {
    if (++count > taps.headersMax || room <= name.length) break;
    room -= name.length;
    const isHidden = CREDENTIAL.test(name) || CREDENTIAL_FIELDS.has(name.toLowerCase());
    const shown = isHidden ? HIDDEN : value.slice(0, room);
    room -= shown.length;
    const key = name.toLowerCase();
    Object.defineProperty(found, key, {
      value: Object.hasOwn(found, key) ? `${found[key]}, ${shown}` : shown,
      ...{ enumerable: true, configurable: true, writable: true },
    });
  }
  return found;
}
