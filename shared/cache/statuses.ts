/** What status codes mean to a cache. */

/** That may be fresh without saying so (RFC 9110 section 15.1); 206 is not, since a part says little of its whole. */
const HEURISTIC: ReadonlySet<number> = new Set([200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501]);

/** That this cache understands for `must-understand` (RFC 9111 section 5.2.2.3): final ones of the registry whose caching it knows. */
const UNDERSTOOD: ReadonlySet<number> = new Set([
  ...[200, 203, 204, 206, 300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 406, 410, 414, 421, 451],
  ...[500, 501, 502, 503, 504],
]);

export const isHeuristic = (status: number): boolean => HEURISTIC.has(status);
export const isUnderstood = (status: number): boolean => UNDERSTOOD.has(status);

/**
 * Errors about who asks, when, or with which fields, which no key has: the next client's answer may well be another one. A field
 * that is too long or malformed must not make an error everybody's.
 */
const OF_ASKING: ReadonlySet<number> = new Set([
  ...[400, 401, 403, 406, 407, 408, 411, 412, 413, 415, 416, 417],
  ...[421, 425, 426, 428, 429, 431],
]);
export const isOfAsking = (status: number): boolean => OF_ASKING.has(status);

/** That a condition or a range of the request has brought about, whatever lifetime they state: others ask without it. */
const OF_CONDITIONS: ReadonlySet<number> = new Set([304, 412, 416]);
export const isOfConditions = (status: number): boolean => OF_CONDITIONS.has(status);

/** The ones that conditions are about (RFC 9110 section 13.2.1). */
export const isGood = (status: number): boolean => status >= 200 && status <= 299;

/** For which RFC 5861 section 4 has something stale served instead. */
export const isStaleError = (status: number): boolean => status === 500 || (status >= 502 && status <= 504);

/** Whether an answer takes the place of what was stored, also when it is not stored itself: it is the resource's state now. */
export const isState = (status: number): boolean =>
  (status >= 200 && status < 400 && status !== 304) || status === 404 || status === 410;
