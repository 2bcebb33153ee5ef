/** Checks of `introspection` providers that a schema cannot state. */
import { checkTransport } from "./check-transport.ts";
import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, error } from "./problem.ts";
import { quote } from "./schema-problems.ts";

export function checkIntrospection(top: Cursor): DocumentProblem[] {
  return top.get("gateway", "identity").entries.flatMap(([, provider]) => {
    const given = provider.get("introspection");
    if (typeof given.value !== "object" || given.value === null) return [];
    return [...checkPlace(given), ...checkClient(given), ...checkStale(given)];
  });
}

function checkPlace(given: Cursor): DocumentProblem[] {
  const [issuer, url] = [given.get("issuer"), given.get("url")];
  const what = "tokens and the gateway's secret are sent";
  if (url.exists) return [...checkTransport(url, what), ...checkParts(url)];
  const { text } = issuer;
  if (text === undefined || (/^https?:\/\/[^/]/.test(text) && URL.canParse(text))) return checkTransport(issuer, what);
  return [
    error("SLV2001", issuer.path, `${quote(text)} is no place to ask at: expected an http or https URL`, {
      expected: "an http or https URL, or `url` beside it",
    }),
  ];
}

/** A platform's `fetch` refuses a URL with credentials, and sends no fragment. */
export function checkParts(url: Cursor): DocumentProblem[] {
  const { text } = url;
  if (text === undefined || !URL.canParse(text)) return [];
  const { username, password, hash } = new URL(text);
  if (username === "" && password === "" && hash === "") return [];
  return [error("SLV2001", url.path, "this URL cannot carry a user name, password or fragment")];
}

function checkClient(given: Cursor): DocumentProblem[] {
  const [id, secret, auth, bearer] = ["clientId", "clientSecret", "clientAuth", "bearer"].map((key) =>
    given.get(key),
  ) as [Cursor, Cursor, Cursor, Cursor];
  if (bearer.exists) {
    const other = [secret, id, auth].find(({ exists }) => exists);
    if (other === undefined) return [];
    const message = "the gateway shows either `bearer` or a client's secret, not both";
    return [error("SLV3009", other.path, message, { at: "key" })];
  }
  if (id.exists !== secret.exists)
    return [
      error("SLV3009", (id.exists ? id : secret).path, "`clientId` and `clientSecret` need each other", { at: "key" }),
    ];
  if (secret.exists) return [];
  // An endpoint that answers whoever asks could be used to try out tokens (RFC 7662 section 2.1).
  return [error("SLV2005", given.path, "an `introspection` needs `clientId` with `clientSecret`, or `bearer`")];
}

function checkStale(given: Cursor): DocumentProblem[] {
  const staleFor = given.get("staleFor");
  if (!staleFor.exists || given.get("onFailure").value === "stale") return [];
  return [error("SLV3009", staleFor.path, "`staleFor` has a meaning with `onFailure: stale` only", { at: "key" })];
}
