/** What of an answer's head ends at the edge. */
import { setsOwnCookie } from "../../../shared/http/cookies.ts";
import { HOP_BY_HOP, POLICY_PREFIX } from "../../../shared/http/header-names.ts";
import { connectionNames } from "../../../shared/http/inspect-head.ts";

/** Removes fields of the connection behind us, those that are between us and the mesh, and cookies in the gateway's name. */
export function dropEnding(headers: Headers): void {
  const { names, cookies } = endingIn(headers);
  for (const name of names) headers.delete(name);
  if (cookies === undefined) return;
  headers.delete("set-cookie");
  for (const cookie of cookies) headers.append("set-cookie", cookie);
}

/** An upstream's answer for the client: itself, unless something in its head ends here. */
export function withoutEnding(answer: Response): Response {
  const { names, cookies } = endingIn(answer.headers);
  if (names.length === 0 && cookies === undefined) return answer;
  const response = new Response(answer.body, answer);
  dropEnding(response.headers);
  return response;
}

const NONE: readonly string[] = [];

/** What of an answer's head ends here. @returns cookies: those that remain, where some do not */
function endingIn(headers: Headers): { readonly names: readonly string[]; readonly cookies?: readonly string[] } {
  let names: string[] | undefined;
  let hasCookies = false;
  headers.forEach((value, name) => {
    if (name === "set-cookie") hasCookies = true;
    const named = name === "connection" ? connectionNames(value) : NONE;
    const ends = HOP_BY_HOP.has(name) || name.startsWith(POLICY_PREFIX);
    if (ends || named.length > 0) names = [...(names ?? []), name, ...named];
  });
  if (!hasCookies) return { names: names ?? NONE };
  const cookies = headers.getSetCookie();
  const kept = cookies.filter((cookie) => !setsOwnCookie(cookie));
  return { names: names ?? NONE, ...(kept.length < cookies.length && { cookies: kept }) };
}
