/** Checks of `context`: members that are constants or one value each, and what values of the request cost. */
import { RESERVED_CONTEXT } from "../auth/txn-context.ts";
import { limits } from "../limits.ts";
import { callsOfCode } from "./check-code.ts";
import { checkIdentityHole, checkRequestHole } from "./check-holes.ts";
import type { Cursor } from "./cursor.ts";
import { partTargets } from "./part-call.ts";
import { type DocumentProblem, error, warning } from "./problem.ts";
import { quote } from "./schema-problems.ts";
import { holesOf, parseTemplate, splitPartUrl } from "./template.ts";

export function checkContext(top: Cursor): DocumentProblem[] {
  const gateway = top.get("gateway");
  const routes = gateway.get("routes").items;
  const upstreams = gateway.get("upstreams").keys;
  return [
    ...checkMembers(gateway.get("context"), undefined),
    ...routes.flatMap((route) => [...checkMembers(route.get("context"), route), ...checkUse(route, upstreams)]),
  ];
}

/** @param route undefined: the gateway's own, for every route */
function checkMembers(context: Cursor, route: Cursor | undefined): DocumentProblem[] {
  const { membersMax } = limits.txnContext;
  const problems = context.entries.flatMap(([name, value]) => [...checkName(name, value), ...checkValue(value, route)]);
  if (context.keys.length > membersMax)
    problems.push(
      error("SLV1003", context.path, `a context has at most ${membersMax} members, this one ${context.keys.length}`),
    );
  return problems;
}

function checkName(name: string, { path }: Cursor): DocumentProblem[] {
  if (!RESERVED_CONTEXT.includes(name)) return [];
  return [error("SLV2004", path, `${quote(name)} is said by the gateway itself`, { at: "key" })];
}

function checkValue({ text, path }: Cursor, route: Cursor | undefined): DocumentProblem[] {
  if (text === undefined) return [];
  const { parts, fault } = parseTemplate(text);
  if (fault !== undefined) return [error("SLV2001", path, `${quote(text)} is not a value: ${fault}`)];
  const [hole] = holesOf(parts);
  const { textCharsMax } = limits.txnContext;
  if (hole === undefined)
    return text.length <= textCharsMax
      ? []
      : [error("SLV2001", path, `a constant has at most ${textCharsMax} characters, this one ${text.length}`)];
  if (parts.length > 1)
    return [
      error("SLV2001", path, `${quote(text)}: values keep their type, so they cannot be joined`, {
        expected: "a constant, or exactly one value such as {identity.claims.tenant}",
        suggestion: `{${hole.join(".")}}`,
      }),
    ];
  if (route === undefined || (hole[0] !== "path" && hole[0] !== "query")) return checkIdentityHole(hole, path);
  const problems = checkRequestHole(hole, path, route);
  return problems.length > 0 ? problems : [costly(hole, path)];
}

function costly(hole: readonly string[], path: Cursor["path"]): DocumentProblem {
  return warning("SLV3021", path, `each value of {${hole.join(".")}} needs a transaction token of its own`, {
    expected: "about one signature (ES256) for each request more than without it",
  });
}

/** Only calls into the mesh carry a transaction token. */
function checkUse(route: Cursor, upstreams: readonly string[]): DocumentProblem[] {
  const context = route.get("context");
  if (context.keys.length === 0) return [];
  const targets = [
    ...(route.get("to").text === undefined ? [] : [route.get("to").text ?? ""]),
    ...partTargets(route).flatMap(({ text }) => text ?? []),
    ...callsOfCode(route).map(({ name }) => name),
  ];
  const isOutside = (text: string): boolean => {
    const target = splitPartUrl(text)?.target;
    const name = target !== undefined && "service" in target ? target.service : text;
    return /^https?:\/\//.test(text) || upstreams.includes(name);
  };
  if (targets.length === 0 || !targets.every(isOutside)) return [];
  return [
    error("SLV3009", context.path, "the route calls nobody in the mesh, so nobody gets its transaction token", {
      at: "key",
      expected: "`identityHeaders` for plain origins and upstreams",
    }),
  ];
}
