/** Checks of what is only watched: said in two ways that do not go together, an open door, and what refuses all the same. */
import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, error, warning } from "./problem.ts";
import { quote } from "./schema-problems.ts";
import { isShadow } from "./shadow.ts";

export function checkShadow(top: Cursor): DocumentProblem[] {
  const [gateway, services] = [top.get("gateway"), top.get("mesh", "services")];
  const routes = gateway.get("routes").items;
  const ofServices = services.entries.map(([, service]) => service);
  const exposed = ofServices.flatMap((service) => service.get("expose", "routes").oneOrItems);
  const all = [...routes, ...exposed];
  const policies = [
    ...gateway.get("limits").entries.map(([, limit]) => limit),
    ...[...all, ...ofServices].flatMap((one) => one.get("rateLimit").oneOrItems),
    ...all.map((route) => route.get("graphql")),
    ...[gateway, ...ofServices].map((one) => one.get("shedding")),
  ];
  return [
    ...policies.flatMap(checkSpelling),
    ...all.flatMap((route) => [...checkOpen(route), ...checkInert(route)]),
    ...routes.flatMap((route) => checkBehind(route, services)),
  ];
}

/** `shadow` and a `mode` that says the same thing, or its opposite. */
function checkSpelling(policy: Cursor): DocumentProblem[] {
  const [shadow, mode] = [policy.get("shadow"), policy.get("mode")];
  if (!shadow.exists || (mode.text !== "enforce" && mode.text !== "shadow")) return [];
  const message = `\`shadow\` beside \`mode: ${mode.text}\`: whether it refuses anybody is said twice`;
  const expected = "one of them: `mode: shadow` or `shadow: true`";
  return [error("SLV3232", shadow.path, message, { at: "key", other: mode.path, expected })];
}

/** `mode` of a `validate` stands for `requests`, and nobody is refused by answers either. */
export function checkValidateMode(validate: Cursor): DocumentProblem[] {
  const [mode, requests, responses] = [validate.get("mode"), validate.get("requests"), validate.get("responses")];
  if (!mode.exists) return [];
  if (requests.exists)
    return [
      error("SLV3232", requests.path, "`requests` beside `mode`, which says the same of requests", {
        at: "key",
        other: mode.path,
        expected: "one of them",
      }),
    ];
  if (mode.text !== "shadow" || responses.text !== "enforce") return [];
  const message = "`responses: enforce` refuses answers beside `mode: shadow`";
  return [
    error("SLV3232", responses.path, message, { other: mode.path, expected: "`responses: shadow`, or no `mode`" }),
  ];
}

/** Whoever is not let in passes: nothing stands before what the route leads to. */
function checkOpen(route: Cursor): DocumentProblem[] {
  const auth = route.get("auth");
  if (!isShadow(auth)) return [];
  const message = `the route ${quote(route.get("name").text ?? "")} is open: its \`auth\` is in shadow and refuses nobody`;
  return [warning("SLV3233", auth.get("mode").path, message, { expected: "`mode: enforce` when enough was seen" })];
}

/** A mode that nothing hangs on. */
function checkInert(route: Cursor): DocumentProblem[] {
  const [auth, lifecycle] = [route.get("auth"), route.get("lifecycle")];
  const decision = auth.get("decision");
  const ends = lifecycle.get("sunset").exists && lifecycle.get("afterSunset").text !== "serve";
  const problems: DocumentProblem[] = [];
  if (isShadow(auth) && decision.get("mode").text === "enforce")
    problems.push(
      error("SLV3232", decision.get("mode").path, "`auth` is in shadow, and its decision with it", {
        other: auth.get("mode").path,
        expected: "no `mode` of the decision",
      }),
    );
  if (isShadow(lifecycle) && !ends && lifecycle.get("brownouts").items.length === 0)
    problems.push(
      warning("SLV3234", lifecycle.get("mode").path, "nothing of this `lifecycle` refuses anybody, in shadow or not", {
        expected: "`sunset` or `brownouts`",
      }),
    );
  return problems;
}

/** What a service of the mesh asks of the end user it refuses for real. */
function checkBehind(route: Cursor, services: Cursor): DocumentProblem[] {
  const name = route.get("to").text;
  if (!isShadow(route.get("auth")) || name === undefined) return [];
  const asking = services
    .get(name, "access")
    .items.find(
      (rule) =>
        rule.get("from").text === "gateway" &&
        !isShadow(rule) &&
        rule.get("scopes").items.length + rule.get("claims").keys.length > 0,
    );
  if (asking === undefined) return [];
  const message = `${name} asks the end user for more than to be anybody, and refuses for real whom this \`auth\` only would`;
  return [
    warning("SLV3237", route.get("auth", "mode").path, message, {
      other: asking.path,
      expected: "`mode: shadow` for that rule of `access` as well",
    }),
  ];
}
