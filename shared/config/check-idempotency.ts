/** Checks of a route's `idempotency`: settings that can have no effect, and what keeps clients apart. */
import { HOP_BY_HOP, isForgeable } from "../http/header-names.ts";
import { limits } from "../limits.ts";
import { IDEMPOTENCY_KEY, IDEMPOTENCY_METHODS } from "../policy/idempotency-key.ts";
import type { Cursor } from "./cursor.ts";
import { declaresOtherMethods } from "./part-call.ts";
import { type DocumentProblem, error, warning } from "./problem.ts";
import { isPublic } from "./shadow.ts";
import { formatSize, parseDurationMs, parseSizeBytes } from "./units.ts";

/** @param cors the gateway's */
export function checkIdempotency(route: Cursor, cors: Cursor): DocumentProblem[] {
  const idempotency = route.get("idempotency");
  if (typeof idempotency.value !== "object" || idempotency.value === null) return [];
  if (route.get("aggregate").exists && !declaresOtherMethods(route))
    return [
      error(
        "SLV3009",
        idempotency.path,
        "without `match.methods` composed answers are for GET and HEAD, which need no keys",
        {
          at: "key",
        },
      ),
    ];
  return [
    ...checkMethods(route, idempotency),
    ...checkHeader(idempotency.get("header")),
    ...checkCors(idempotency, cors),
    ...checkWait(route, idempotency.get("wait")),
    ...checkBody(route.get("maxBody")),
    ...checkPublic(route, idempotency),
  ];
}

const SAFE = new Set(["GET", "HEAD", "OPTIONS"]);

function checkMethods(route: Cursor, idempotency: Cursor): DocumentProblem[] {
  const named = idempotency.get("methods");
  const served = route.get("match", "methods").texts;
  const isServed = (method: string): boolean => served.length === 0 || served.includes(method);
  if (!named.exists) {
    if (IDEMPOTENCY_METHODS.some(isServed)) return [];
    const message = `keys are for ${IDEMPOTENCY_METHODS.join(" and ")} unless \`methods\` says otherwise, and the route takes neither`;
    return [error("SLV3009", idempotency.path, message, { at: "key" })];
  }
  return named.items.flatMap((method) => {
    const name = method.text;
    if (name === undefined) return [];
    if (SAFE.has(name)) return [error("SLV3009", method.path, `${name} does nothing that could be done twice`)];
    if (isServed(name)) return [];
    const expected = `one of ${served.join(", ")}`;
    return [error("SLV3012", method.path, `the route does not take ${name}`, { expected })];
  });
}

const OTHERWISE_USED = new Set([
  "authorization",
  "cookie",
  "host",
  "content-type",
  "content-length",
  "origin",
  "expect",
]);

function checkHeader(header: Cursor): DocumentProblem[] {
  const name = header.text?.toLowerCase();
  if (name === undefined) return [];
  if (!OTHERWISE_USED.has(name) && !HOP_BY_HOP.has(name) && !isForgeable(name)) return [];
  return [error("SLV3009", header.path, `the header ${name} has another meaning and cannot carry keys`)];
}

/** A page in a browser sends only what the preflight allows. */
function checkCors(idempotency: Cursor, cors: Cursor): DocumentProblem[] {
  const allowed = cors.get("allowHeaders");
  const header = (idempotency.get("header").text ?? IDEMPOTENCY_KEY).toLowerCase();
  if (allowed.items.length === 0 || allowed.texts.some((name) => name.toLowerCase() === header)) return [];
  return [warning("SLV3009", allowed.path, `pages cannot send ${header}, which is not among the allowed headers`)];
}

function checkWait(route: Cursor, wait: Cursor): DocumentProblem[] {
  const timeoutMs = parseDurationMs(route.get("timeout").text ?? "") ?? limits.gateway.requestTimeoutMs;
  const waitMs = parseDurationMs(wait.text ?? "");
  if (waitMs === undefined || waitMs <= timeoutMs) return [];
  return [warning("SLV3009", wait.path, "nobody waits longer than the `timeout` of the route")];
}

/** The content is hashed before the request goes on. */
function checkBody(maxBody: Cursor): DocumentProblem[] {
  const { heldBodyBytesMax } = limits.gateway;
  const bytes = parseSizeBytes(maxBody.text ?? "");
  if (bytes === undefined || bytes <= heldBodyBytesMax) return [];
  const message = `a request with a key is held whole: its body has at most ${formatSize(heldBodyBytesMax)}`;
  return [warning("SLV3009", maxBody.path, message)];
}

function checkPublic(route: Cursor, idempotency: Cursor): DocumentProblem[] {
  if (!isPublic(route)) return [];
  const problems = [
    warning(
      "SLV3022",
      idempotency.path,
      "clients without credentials are told apart by their keys alone: who knows a key and its request gets its answer",
      { at: "key" },
    ),
  ];
  if (!route.get("rateLimit").exists)
    problems.push(
      warning("SLV3022", idempotency.path, "without `rateLimit` anybody can fill the records", { at: "key" }),
    );
  return problems;
}
