/** Composed answers: parts at once and after each other, with conditions, for lists, and ones that may be absent. */
import type { Draw } from "./draw.ts";
import { SEGMENTS, SERVICES } from "./words.ts";

type Json = Record<string, unknown>;

const PART_NAMES = ["first", "second", "third"] as const;

/** @param params names that the route's path has */
export function drawAggregate(draw: Draw, params: readonly string[]): Json {
  const names = PART_NAMES.slice(0, 1 + draw.below(PART_NAMES.length));
  return {
    aggregate: Object.fromEntries(names.map((name, at) => [name, drawPart(draw, params, names.slice(0, at))])),
    ...draw.maybe(25, "answer", () => ({
      ...draw.maybe(50, "problems", () => true),
      ...draw.maybe(50, "status", () => ({ map: draw.one([{ 403: 418 }, { 502: 418 }, { "5xx": 418 }]) })),
    })),
  };
}

/** @param others parts before it */
function drawPart(draw: Draw, params: readonly string[], others: readonly string[]): Json {
  const last = others.at(-1);
  const holes = ["{identity.sub}", "{query.q}", ...params.map((name) => `{path.${name}}`)];
  const after = last === undefined ? [] : [`{${last}.id}`, `{${last}.name}`];
  const segments = [draw.one(SEGMENTS), ...(draw.chance(60) ? [draw.one([...holes, ...after])] : [])];
  const where = draw.chance(85) ? `${draw.one(SERVICES)}:` : "http://origin.example:8080";
  const method = draw.chance(80) ? "get" : draw.one(["post", "head"]);
  const isOptional = draw.chance(40);
  return {
    [method]: `${where}/${segments.join("/")}${draw.chance(20) ? "?page=1" : ""}`,
    ...(isOptional && { optional: true }),
    ...draw.maybe(25, "when", () =>
      draw.one([
        "identity.sub == 'alice'",
        "identity.method != 'anonymous'",
        "'q' in query",
        ...(last === undefined ? [] : [`${last}.id == 42`]),
      ]),
    ),
    ...(last !== undefined && draw.maybe(10, "after", () => [last])),
    ...(isOptional && draw.maybe(20, "fallback", () => ({ none: true }))),
  };
}
