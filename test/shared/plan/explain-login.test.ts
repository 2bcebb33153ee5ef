import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { loadDocument } from "../../../shared/config/load.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { explain } from "../../../shared/plan/explain.ts";
import type { Credential } from "../../../shared/plan/explain-step.ts";

const text = readFileSync(new URL("../../../examples/oidc-login/selvage.yaml", import.meta.url), "utf8");
const { document } = loadDocument(text, "f", () => undefined);

function ask(
  path: string,
  headers: Record<string, string> = {},
  credential: Credential = { kind: "none" },
  method = "GET",
) {
  if (document === undefined) throw new Error("no document");
  const request = { method, host: "localhost:8787", path, query: "", headers: Object.entries(headers), credential };
  const { steps, result } = explain(compile(document), request, 0);
  const about = steps.find(({ stage }) => stage === "auth" || stage === "login")?.text ?? "";
  return { outcome: result.outcome === "refuse" ? result.code : result.outcome, about };
}
const session = { cookie: "a=1; __Host-selvage-session-web=1abc" };

test.each<[string, ReturnType<typeof ask>, string, RegExp]>([
  ["a page of nobody", ask("/account/1", { accept: "text/html" }), "credentials_missing", /sent to the login \(302\)/],
  ["a call of nobody", ask("/api/orders/1"), "credentials_missing", /hears 401 .* \/\.selvage\/web\/login/],
  ["a session", ask("/account/1", session), "forward", /the session WAS NOT OPENED/],
  [
    "a call from elsewhere",
    ask("/api/orders/1", { ...session, "sec-fetch-site": "cross-site" }, undefined, "POST"),
    "cross_site",
    /cross-site/,
  ],
  [
    "a call of an own page",
    ask("/api/orders/1", { ...session, origin: "http://localhost:8787" }, undefined, "POST"),
    "forward",
    /by web/,
  ],
  ["two sessions", ask("/account/1", { cookie: `${session.cookie}; ${session.cookie}` }), "credentials_invalid", /two/],
  [
    "somebody",
    ask("/operations/1", {}, { kind: "assumed", sub: "olga", scopes: [], claims: { groups: ["operators"] } }),
    "forward",
    /assumed to be olga by web/,
  ],
  [
    "somebody else",
    ask("/operations/1", {}, { kind: "assumed", sub: "alice", scopes: [] }),
    "not_permitted",
    /assumed to be alice/,
  ],
  ["a token, which is no session", ask("/account/1", { authorization: "Bearer x" }), "credentials_missing", /web/],
  ["the login", ask("/.selvage/web/login"), "answer", /begins a login of web: 302/],
  ["the callback", ask("/.selvage/web/callback"), "answer", /ends a login/],
  ["the logout", ask("/.selvage/web/logout"), "answer", /from a page of this host/],
  ["the logout by the provider", ask("/.selvage/web/backchannel-logout"), "answer", /logout token/],
  ["the session", ask("/.selvage/web/session"), "answer", /who is logged in/],
])("%s", (_, { outcome, about }, expected, said) => {
  expect(outcome).toBe(expected);
  expect(about).toMatch(said);
});
