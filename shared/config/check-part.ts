/** Checks of one part of an aggregate: its call, and settings that have no meaning with it. */
import { HOP_BY_HOP, isForgeable, TXN_TOKEN } from "../http/header-names.ts";
import { grpcStatusOfWord } from "../policy/grpc-status.ts";
import { parsePartCondition } from "../policy/part-condition.ts";
import { isIdempotent } from "../policy/retry.ts";
import type { RetryOn } from "../policy/settings.ts";
import { checkPartCache } from "./check-cache.ts";
import { unknownName } from "./check-mesh.ts";
import { checkEncoding } from "./check-translation.ts";
import type { Cursor } from "./cursor.ts";
import { fixedHeader } from "./fixed-header.ts";
import { callsOf, type PartCallKey } from "./part-call.ts";
import { type DocumentProblem, error, warning } from "./problem.ts";
import { PART_METHODS } from "./schema-aggregate.ts";

export function checkPart(part: Cursor, services: readonly string[]): DocumentProblem[] {
  if (typeof part.value !== "object" || part.value === null) return [];
  const [call, second] = callsOf(part);
  const methods = PART_METHODS.map((method) => `\`${method}\``).join(", ");
  if (call === undefined)
    return [
      error("SLV2002", [...part.path, "get"], "a part needs a call", { at: "key", expected: `one of ${methods}` }),
    ];
  if (second !== undefined)
    return [
      error(
        "SLV2005",
        part.path,
        `a part is one call, this one has ${call.at.path.at(-1)} and ${second.at.path.at(-1)}`,
        { expected: `one of ${methods}` },
      ),
    ];
  return [
    ...checkTarget(call, services),
    ...checkMethod(part, call),
    ...checkRetries(part, call),
    ...checkPartCache(part, call.method),
    ...checkFields(part.get("headers")),
    ...checkCondition(part.get("when")),
    ...checkExpectation(part.get("expect")),
    ...checkFallback(part),
    ...checkEncoding(part.get("encoding")),
  ];
}

function checkTarget({ at, split }: PartCallKey, services: readonly string[]): DocumentProblem[] {
  if (split === undefined || !("service" in split.target) || services.includes(split.target.service)) return [];
  return [unknownName("SLV3001", "service or upstream", split.target.service, services, at.path)];
}

function checkMethod(part: Cursor, { method }: PartCallKey): DocumentProblem[] {
  const isSafe = method === "GET" || method === "HEAD";
  const unfit = [
    { at: part.get("body"), why: isSafe ? `${method} has no body` : undefined },
    {
      at: part.get("redirects"),
      why:
        isSafe || part.get("redirects").value === 0
          ? undefined
          : `what a redirect of ${method} means is not for a gateway to say`,
    },
    { at: part.get("encoding"), why: method === "HEAD" ? "an answer to HEAD has no content" : undefined },
    { at: part.get("pick"), why: method === "HEAD" ? "an answer to HEAD has no content" : undefined },
  ];
  return unfit.flatMap(({ at, why }) =>
    at.exists && why !== undefined ? [error("SLV3009", at.path, `\`${at.path.at(-1)}\`: ${why}`, { at: "key" })] : [],
  );
}

/** One layer retries: agents of the mesh do it for their services. */
function checkRetries(part: Cursor, { method, split }: PartCallKey): DocumentProblem[] {
  const retries = part.get("retries");
  if (!retries.exists || split === undefined || retries.get("attempts").value === 0) return [];
  if ("service" in split.target)
    return [
      error("SLV3103", retries.path, "services and upstreams have retries of their own, and attempts would multiply", {
        at: "key",
        expected: `\`retries\` of ${split.target.service}, or a URL`,
      }),
    ];
  const words = retries
    .get("on")
    .items.filter(({ text }) => text !== undefined && grpcStatusOfWord(text as RetryOn) !== undefined);
  const unfit = words.map(({ path, text }) =>
    warning("SLV3050", path, `${text} is a status of gRPC, which parts of an aggregate do not have`),
  );
  const declared = retries.get("idempotent");
  if (isIdempotent(method) || (declared.exists && declared.value !== false)) return unfit;
  return [
    ...unfit,
    error("SLV3103", retries.path, `${method} may have an effect, and nobody says that it may have it twice`, {
      at: "key",
      suggestion: "idempotent: true",
    }),
  ];
}

/** Fields that the gateway or the platform says itself. */
const OWN_FIELDS = new Set([
  ...HOP_BY_HOP,
  "host",
  "content-length",
  "content-type",
  "accept-encoding",
  TXN_TOKEN,
  "traceparent",
  "tracestate",
]);

export function isOwnField(name: string): boolean {
  const lower = name.toLowerCase();
  return OWN_FIELDS.has(lower) || isForgeable(lower);
}

function checkFields(headers: Cursor): DocumentProblem[] {
  return headers.entries
    .filter(([name]) => isOwnField(name))
    .map(([name, { path }]) => fixedHeader(name.toLowerCase(), path, "key"));
}

function checkCondition(when: Cursor): DocumentProblem[] {
  const parsed = when.text === undefined ? undefined : parsePartCondition(when.text);
  return typeof parsed === "string" ? [error("SLV3013", when.path, `the condition cannot be used: ${parsed}`)] : [];
}

function checkExpectation(expect: Cursor): DocumentProblem[] {
  const parsed = expect.text === undefined ? undefined : parsePartCondition(expect.text);
  if (parsed === undefined || typeof parsed === "string") return checkCondition(expect);
  return parsed.names
    .filter((name) => name !== "answer")
    .map((name) => unknownName("SLV3004", "name", name, ["answer"], expect.path));
}

function checkFallback(part: Cursor): DocumentProblem[] {
  if (!part.get("fallback").exists || part.get("optional").value !== false) return [];
  return [
    warning("SLV3009", part.get("optional").path, "a part with `fallback` never fails, so that it is not required", {
      at: "key",
    }),
  ];
}
