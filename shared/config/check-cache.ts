/** Checks of `cache`: settings that can have no effect, and answers that could reach somebody whom they are not for. */
import { HOP_BY_HOP, isForgeable } from "../http/header-names.ts";
import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, error, warning } from "./problem.ts";

/** @param gateway whose `cache` counts where the route says nothing */
export function checkCache(route: Cursor, gateway: Cursor): DocumentProblem[] {
  const cache = route.get("cache");
  if (!cache.exists || cache.value === false) return [];
  if (route.get("aggregate").exists)
    return [
      error("SLV3009", cache.path, "composed answers are not kept; answers to their parts may be", {
        at: "key",
        expected: "`cache` of the parts",
      }),
    ];
  const setting = (...keys: string[]): Cursor => {
    const own = cache.get(...keys);
    return own.exists ? own : gateway.get("cache", ...keys);
  };
  return [
    ...checkLifetime(setting),
    ...checkErrors(setting("errors")),
    ...checkQuery(setting("key", "query")),
    ...checkFields(setting("key", "headers")),
    ...checkMethods(route, setting("methods"), cache),
    ...checkSharing(route, gateway, setting("shared"), cache),
  ];
}

/** `cache` of a part of an aggregate. */
export function checkPartCache(part: Cursor, method: string): DocumentProblem[] {
  const cache = part.get("cache");
  if (!cache.exists || cache.value === false) return [];
  if (method !== "GET")
    return [error("SLV3009", cache.path, `\`cache\`: answers to ${method} are not kept`, { at: "key" })];
  const setting = (...keys: string[]): Cursor => cache.get(...keys);
  return [...checkLifetime(setting), ...checkErrors(setting("errors"))];
}

/** What the gateway says is checked with each route; that nobody takes it, here. */
export function checkGatewayCache(gateway: Cursor): DocumentProblem[] {
  const cache = gateway.get("cache");
  if (!cache.exists) return [];
  const isTaken = gateway
    .get("routes")
    .items.some((route) => ![undefined, false].includes(route.get("cache").value as undefined));
  if (isTaken) return [];
  return [warning("SLV3012", cache.path, "no route has `cache`, so that these settings have no effect", { at: "key" })];
}

type Setting = (...keys: string[]) => Cursor;

function checkLifetime(setting: Setting): DocumentProblem[] {
  const override = setting("override");
  if (override.value !== true || setting("ttl").exists) return [];
  return [
    error("SLV3009", override.path, "`override` needs `ttl`, which is what goes before the answers' own lifetime", {
      at: "key",
    }),
  ];
}

/** What asks for credentials is about who asks. */
function checkErrors(errors: Cursor): DocumentProblem[] {
  return errors.entries
    .filter(([status]) => status === "401" || status === "407")
    .map(([status, { path }]) =>
      error("SLV3009", path, `${status} is never kept: another client may have credentials`, { at: "key" }),
    );
}

function checkQuery(query: Cursor): DocumentProblem[] {
  const [only, ignore] = [query.get("only"), query.get("ignore")];
  if (!only.exists || !ignore.exists) return [];
  return [
    error("SLV3009", ignore.path, "`ignore` has no meaning with `only`, which leaves out all others", { at: "key" }),
  ];
}

const OTHERWISE_TOLD: Readonly<Record<string, string>> = {
  host: "the host is in every key",
  authorization: "identities are told apart by `auth`",
  cookie:
    "an answer to a request with cookies is kept only when it says its lifetime; `cookies: ignore` says that they mean nothing",
  range: "parts of answers are told apart anyway",
};

function checkFields(headers: Cursor): DocumentProblem[] {
  return headers.items.flatMap((item) => {
    const name = item.text?.toLowerCase();
    if (name === undefined) return [];
    const told = Object.hasOwn(OTHERWISE_TOLD, name) ? OTHERWISE_TOLD[name] : undefined;
    if (told !== undefined) return [error("SLV3009", item.path, `${name} cannot be in the key: ${told}`)];
    if (!HOP_BY_HOP.has(name) && !isForgeable(name)) return [];
    return [error("SLV3009", item.path, `${name} cannot be in the key: the upstream never gets it from a client`)];
  });
}

const CACHED = ["GET", "HEAD", "QUERY"];

function checkMethods(route: Cursor, methods: Cursor, cache: Cursor): DocumentProblem[] {
  const served = route.get("match", "methods").texts;
  if (served.length === 0) return [];
  const named = methods.exists ? methods.texts : ["GET", "HEAD"];
  if (!named.some((name) => served.includes(name)))
    return [
      error("SLV3012", cache.path, `the route takes none of ${named.join(", ")}, so that nothing is ever kept`, {
        at: "key",
      }),
    ];
  const others = methods.path[1] === "routes" ? methods.items : [];
  return others
    .filter(({ text }) => text !== undefined && CACHED.includes(text) && !served.includes(text))
    .map(({ text, path }) =>
      error("SLV3012", path, `the route does not take ${text}`, { expected: `one of ${served.join(", ")}` }),
    );
}

function checkSharing(route: Cursor, gateway: Cursor, shared: Cursor, cache: Cursor): DocumentProblem[] {
  const isPublic = !route.get("auth").exists;
  if (isPublic)
    return cache.get("shared").exists
      ? [
          warning(
            "SLV3009",
            cache.get("shared").path,
            "`shared` has no meaning without `auth`: everybody gets the same answers",
            { at: "key" },
          ),
        ]
      : [];
  if (!shared.exists)
    return [
      warning(
        "SLV3040",
        cache.path,
        "each identity has answers of its own here: `shared: false` says that this is meant, `shared: true` shares those that say `public` or `s-maxage`",
        { at: "key" },
      ),
    ];
  if (shared.value !== true) return [];
  return toldOf(route, gateway).map(({ path, what }) =>
    warning(
      "SLV3041",
      shared.path,
      `the upstream is told who asks by ${what} (${path.join(".")}): what it answers by that, others get`,
    ),
  );
}

/** What tells the upstream who asks. */
function toldOf(route: Cursor, gateway: Cursor): { path: Cursor["path"]; what: string }[] {
  return [
    { key: "identityHeaders", what: "header fields" },
    { key: "context", what: "the transaction token" },
  ]
    .flatMap(({ key, what }) => {
      const own = route.get(key);
      const told = own.exists ? own : gateway.get(key);
      const isOfIdentity = told.entries.some(([, value]) => value.text?.includes("{identity") === true);
      return isOfIdentity ? [{ path: told.path, what }] : [];
    })
    .concat(toldByEdits(route));
}

function toldByEdits(route: Cursor): { path: Cursor["path"]; what: string }[] {
  const request = route.get("transform", "request");
  const edits = ["headers", "query"].flatMap((kind) => ["set", "add", "append"].map((edit) => request.get(kind, edit)));
  const values = edits.flatMap(({ entries }) => entries.map(([, value]) => value));
  const told = values.filter((value) => value.text?.includes("{identity.") === true || value.get("cel").exists);
  return told.map(({ path }) => ({ path, what: "an edit" }));
}
