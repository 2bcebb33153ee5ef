/** Rules of `access` without effect: a rule lets in, so that one which another goes beyond decides nothing. */
import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, warning } from "./problem.ts";

const CONDITIONS = ["methods", "paths", "scopes", "claims"];

export function checkAccessCover(top: Cursor): DocumentProblem[] {
  const gateway = top.get("gateway");
  const areUsersKnown = !gateway.exists || gateway.get("identity").keys.length > 0;
  return top.get("mesh", "services").entries.flatMap(([, service]) => {
    const rules = service.get("access").items;
    return rules.flatMap((rule, at) => [...checkCovered(rule, at, rules), ...(areUsersKnown ? [] : checkUsers(rule))]);
  });
}

/** Decisions of a rule in shadow or with `audit` are told, whatever comes of them. */
function isPlain(rule: Cursor): boolean {
  return rule.get("mode").text !== "shadow" && rule.get("audit").value !== true;
}

function checkCovered(rule: Cursor, at: number, rules: readonly Cursor[]): DocumentProblem[] {
  const from = rule.get("from").text;
  if (from === undefined || !isPlain(rule)) return [];
  const outer = rules.findIndex((one, index) => {
    const other = one.get("from").text;
    const covers = other === from || (other === "*" && !from.startsWith("spiffe://"));
    if (index === at || !covers || !isPlain(one) || hasConditions(one)) return false;
    // Of two that are the same the first one counts.
    return other !== from || hasConditions(rule) || index < at;
  });
  if (outer < 0) return [];
  const who = rules[outer]?.get("from").text === "*" ? "everybody" : from;
  const text = `this rule decides nothing: another one of the list lets ${who} in without conditions`;
  return [warning("SLV3248", rule.path, text, { expected: "one of the two rules" })];
}

const hasConditions = (rule: Cursor): boolean => CONDITIONS.some((key) => rule.get(key).exists);

/** Whose token comes with a call the gateway says, and it knows nobody. Other trust domains have gateways of their own. */
function checkUsers(rule: Cursor): DocumentProblem[] {
  if (rule.get("from").text?.startsWith("spiffe://") === true) return [];
  return ["scopes", "claims"]
    .map((key) => rule.get(key))
    .filter((asked) => asked.items.length + asked.keys.length > 0)
    .map(({ path }) =>
      warning("SLV3248", path, "nobody can meet this: no end user is known without `gateway.identity`", {
        at: "key",
        expected: "a provider there, and `auth` in the routes that lead here",
      }),
    );
}
