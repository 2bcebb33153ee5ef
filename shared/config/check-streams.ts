/** Checks of WebSockets at the edge: what the gateway cannot pass on, and settings that decide nothing for them. */
import { canBePassedOn, WEBSOCKET } from "../policy/upgrade.ts";
import { type NamedTarget, otherTargets } from "./check-edge-traffic.ts";
import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, error, warning } from "./problem.ts";
import { quote } from "./schema-problems.ts";

/** @param services of the mesh */
export function checkStreams(route: Cursor, services: Cursor): DocumentProblem[] {
  const upgrades = route.get("upgrades");
  const maxConnections = route.get("maxConnections");
  if (upgrades.items.length === 0) {
    if (!maxConnections.exists) return [];
    const message = "`maxConnections` bounds WebSockets, of which the route takes none";
    return [error("SLV3130", maxConnections.path, message, { at: "key", suggestion: "upgrades: [websocket]" })];
  }
  return [
    ...checkNames(upgrades),
    ...checkTarget(route, upgrades, services),
    ...checkGuard(route, upgrades),
    ...checkLimits(route),
  ];
}

function checkNames({ items }: Cursor): DocumentProblem[] {
  return items
    .filter(({ text }) => text !== undefined && canBePassedOn(text) && text.toLowerCase() !== WEBSOCKET)
    .map(({ path, text }) =>
      error("SLV3131", path, `the gateway cannot pass on ${quote(text ?? "")}: its platform speaks WebSocket alone`, {
        expected: WEBSOCKET,
      }),
    );
}

function checkTarget(route: Cursor, upgrades: Cursor, services: Cursor): DocumentProblem[] {
  if (!route.get("to").exists)
    return [
      error("SLV3130", upgrades.path, "only what a route with `to` leads to can become a WebSocket", { at: "key" }),
    ];
  const methods = route.get("match", "methods");
  const problems: DocumentProblem[] = [];
  if (methods.items.length > 0 && !methods.texts.includes("GET"))
    problems.push(
      error("SLV3130", methods.path, "a WebSocket is asked for by GET, which this route does not match", {
        suggestion: "methods: [GET]",
      }),
    );
  const to = route.get("to");
  const named = [{ name: to.text ?? "", place: to, at: "value" as const }, ...otherTargets(route)];
  return [...problems, ...named.flatMap((one) => checkTaken(one, services))];
}

function checkTaken({ name, place, at }: NamedTarget, services: Cursor): DocumentProblem[] {
  const taken = services.get(name, "upgrades");
  if (!taken.exists || taken.texts.some((one) => one.toLowerCase() === WEBSOCKET)) return [];
  const message = `the service ${name} takes no WebSocket: its \`upgrades\` say so`;
  return [error("SLV3132", place.path, message, { at, suggestion: `upgrades: [websocket] at the service` })];
}

/** It would refuse handshakes, which bring no operation, and let all that is said pass after one that does. */
function checkGuard(route: Cursor, { path }: Cursor): DocumentProblem[] {
  if (!route.get("graphql").exists) return [];
  const message = "`graphql` reads requests, and operations on a WebSocket would pass it by";
  return [error("SLV3130", path, message, { at: "key", suggestion: "a route of their own, without `graphql`" })];
}

/** The platform tells nobody when a WebSocket has ended. */
function checkLimits(route: Cursor): DocumentProblem[] {
  return route
    .get("rateLimit")
    .oneOrItems.map((limit) => limit.get("concurrent"))
    .filter(({ exists }) => exists)
    .map(({ path }) =>
      warning("SLV3133", path, "`concurrent` counts a WebSocket until it is open, and not for as long as it is", {
        at: "key",
        suggestion: "maxConnections, or a limit of new ones",
      }),
    );
}
