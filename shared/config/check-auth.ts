/** Checks of a route's `auth`: the providers it names, settings that cannot be met together, its expression. */
import { parseCondition } from "../auth/condition.ts";
import { unknownName } from "./check-mesh.ts";
import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, error } from "./problem.ts";
import { quote } from "./schema-problems.ts";

/** @param identity the document's providers */
export function checkAuth(route: Cursor, identity: Cursor): DocumentProblem[] {
  const auth = route.get("auth");
  if (auth.text !== undefined) return checkNames([auth], identity.keys);
  if (typeof auth.value !== "object" || auth.value === null) return [];
  const [any, all] = [auth.get("any"), auth.get("all")];
  if (!any.exists && !all.exists)
    return [error("SLV2005", auth.path, "`auth` names no provider: it needs `any`, `all` or both")];
  return [
    ...checkNames([...any.items, ...all.items], identity.keys),
    ...checkTokens(all, identity),
    ...checkOptional(auth),
    ...checkWhen(auth.get("when")),
  ];
}

function checkNames(named: readonly Cursor[], providers: readonly string[]): DocumentProblem[] {
  const seen = new Set<string>();
  return named.flatMap((provider) => {
    const name = provider.text;
    if (name === undefined) return [];
    if (!providers.includes(name))
      return [unknownName("SLV3002", "identity provider", provider.value, providers, provider.path)];
    if (seen.has(name)) return [error("SLV3006", provider.path, `the provider ${quote(name)} is named twice`)];
    seen.add(name);
    return [];
  });
}

/** A request carries one bearer token, and a token has one issuer. */
function checkTokens(all: Cursor, identity: Cursor): DocumentProblem[] {
  let first: string | undefined;
  return all.items.flatMap((provider) => {
    const issuer = identity.get(provider.text ?? "", "jwt", "issuer").text;
    first ??= issuer;
    if (issuer === undefined || issuer === first) return [];
    return [error("SLV3009", provider.path, `no token is of both ${first} and ${issuer}: \`all\` can never be met`)];
  });
}

/** Who is anonymous has no scopes, claims or groups, so the route would not be optional. */
function checkOptional(auth: Cursor): DocumentProblem[] {
  if (auth.get("optional").value !== true) return [];
  return ["scopes", "claims", "groups"].flatMap((key) => {
    const needed = auth.get(key);
    const isEmpty = needed.items.length + needed.keys.length === 0;
    if (isEmpty) return [];
    return [
      error("SLV3009", needed.path, `\`optional\` lets clients in that have no ${key}: leave one of them out`, {
        at: "key",
      }),
    ];
  });
}

function checkWhen(when: Cursor): DocumentProblem[] {
  if (when.text === undefined || when.text.trim() === "") return [];
  const condition = parseCondition(when.text);
  if (typeof condition !== "string") return [];
  return [error("SLV3013", when.path, `${quote(when.text)} cannot be used: ${condition}`)];
}
