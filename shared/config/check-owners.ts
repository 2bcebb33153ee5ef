/** Checks of what has an owner, routes, services and upstreams: the owner exists, and it stays within what the document grants it. */
import { parsePath } from "../route/parse-path.ts";
import type { PathPattern } from "../route/route-match.ts";
import { callsOfCode, codeIn } from "./check-code.ts";
import { otherTargets } from "./check-edge-traffic.ts";
import { unknownName } from "./check-mesh.ts";
import type { Cursor } from "./cursor.ts";
import { fitsGlob } from "./document-files.ts";
import { matchPattern } from "./match-pattern.ts";
import { partTargets } from "./part-call.ts";
import { type DocumentProblem, error } from "./problem.ts";
import { referencesIn } from "./references.ts";
import { quote } from "./schema-problems.ts";
import { splitPartUrl } from "./template.ts";

export function checkOwners(top: Cursor): DocumentProblem[] {
  const owners = top.get("owners");
  const routes = top.get("gateway", "routes").items;
  return [
    ...checkReplaced(top.get("include")),
    ...owners.entries.flatMap(([, grant]) => checkGrant(grant)),
    ...routes.flatMap((route) => {
      const owner = route.get("owner");
      if (owner.text === undefined) return [];
      if (!owners.keys.includes(owner.text))
        return [unknownName("SLV3084", "owner", owner.text, owners.keys, owner.path)];
      return checkRoute(route, owner.text, owners.get(owner.text), ownNames(top, owner.text));
    }),
    ...namedIn(top).flatMap(([name, one]) => {
      const owner = one.get("owner");
      if (owner.text === undefined) return [];
      if (!owners.keys.includes(owner.text))
        return [unknownName("SLV3084", "owner", owner.text, owners.keys, owner.path)];
      return checkNamed(name, one, owner.text, owners.get(owner.text));
    }),
  ];
}

/** Services and upstreams. */
const namedIn = (top: Cursor): [string, Cursor][] => [
  ...top.get("mesh", "services").entries,
  ...top.get("gateway", "upstreams").entries,
];

/** What an owner has itself, and so may lead to. */
const ownNames = (top: Cursor, owner: string): string[] =>
  namedIn(top).flatMap(([name, one]) => (one.get("owner").text === owner ? [name] : []));

/** @param one a service or upstream of the owner */
function checkNamed(name: string, one: Cursor, owner: string, grant: Cursor): DocumentProblem[] {
  const granted = grant.get("services");
  const problems = checkSecrets(one, owner, grant.get("secrets").texts);
  if (!granted.texts.some((pattern) => fitsGlob(pattern, name)))
    problems.push({ ...outside(one, owner, `the name ${name}`, granted), at: "key" });
  return [...problems, ...checkReached(one, owner, grant), ...checkExposed(one.get("expose"), owner, grant)];
}

/** Where the targets of an upstream lead; a binding is somebody's secret. */
function checkReached(upstream: Cursor, owner: string, grant: Cursor): DocumentProblem[] {
  const [to, secrets] = [grant.get("to"), grant.get("secrets")];
  const origins = new Set(to.texts.map(targetOf));
  return upstream.get("targets").items.flatMap((target) => {
    const url = target.text === undefined ? target.get("url") : target;
    const problems: DocumentProblem[] = [];
    if (to.exists && url.text !== undefined && !origins.has(targetOf(url.text)))
      problems.push(outside(url, owner, `the target ${targetOf(url.text)}`, to));
    for (const binding of [target.get("binding"), target.get("mtls")])
      if (binding.text !== undefined && !secrets.texts.includes(binding.text))
        problems.push(outside(binding, owner, `the binding ${binding.text}`, secrets));
    return problems;
  });
}

/** What a service shows to the outside is held to what routes of the gateway may match. */
function checkExposed(expose: Cursor, owner: string, grant: Cursor): DocumentProblem[] {
  if (!expose.exists) return [];
  const hosts = grant.get("hosts");
  const granted = new Set(hosts.texts.map((host) => host.toLowerCase()));
  const named = hosts.exists ? expose.get("hosts").items : [];
  return [
    ...checkAnyRoute(expose, owner, grant),
    ...expose.get("routes").items.flatMap((route) => checkPath(route, owner, grant.get("paths"))),
    ...named.flatMap((host) =>
      granted.has(host.text?.toLowerCase() ?? "") ? [] : [outside(host, owner, `the host ${host.text}`, hosts)],
    ),
  ];
}

/** With neither paths nor hosts an owner has services alone. */
function checkAnyRoute(place: Cursor, owner: string, grant: Cursor): DocumentProblem[] {
  if (!grant.get("services").exists || grant.get("paths").exists || grant.get("hosts").exists) return [];
  return [outside(place, owner, "any path", grant.get("paths"))];
}

/** Whoever loads a document puts the routes of its files in their place. */
function checkReplaced({ exists, path }: Cursor): DocumentProblem[] {
  if (!exists) return [];
  return [
    error("SLV3082", path, "included files are read where the document is loaded: load it with `selvage`", {
      at: "key",
    }),
  ];
}

function checkGrant(grant: Cursor): DocumentProblem[] {
  return grant.get("paths").items.flatMap(({ text, path }) => {
    const { fault } = parsePath(text ?? "");
    if (text === undefined || !text.startsWith("/") || fault === undefined) return [];
    return [error("SLV2001", path, `${quote(text)} is not a path pattern: ${fault}`)];
  });
}

/** @param own names of the owner's services and upstreams */
function checkRoute(route: Cursor, owner: string, grant: Cursor, own: readonly string[]): DocumentProblem[] {
  return [
    ...checkAnyRoute(route.get("match"), owner, grant),
    ...checkPath(route, owner, grant.get("paths")),
    ...checkHosts(route, owner, grant.get("hosts")),
    ...checkTargets(route, owner, grant.get("to"), own),
    ...checkSecrets(route, owner, grant.get("secrets").texts),
    ...checkFiles(route, owner, grant.get("code").texts),
  ];
}

function checkPath(route: Cursor, owner: string, paths: Cursor): DocumentProblem[] {
  const { pattern } = matchPattern(route);
  if (!paths.exists || pattern === undefined) return [];
  const granted = paths.texts.flatMap((text) => parsePath(text).pattern ?? []);
  if (granted.some((grant) => coversPattern(grant, pattern))) return [];
  return [outside(route.get("match", "path"), owner, `the path ${pattern.text}`, paths)];
}

function checkHosts(route: Cursor, owner: string, hosts: Cursor): DocumentProblem[] {
  if (!hosts.exists) return [];
  const named = route.get("match", "hosts");
  if (named.items.length === 0) return [outside(route.get("match"), owner, "every host", hosts)];
  const granted = new Set(hosts.texts.map((host) => host.toLowerCase()));
  return named.items.flatMap((host) =>
    granted.has(host.text?.toLowerCase() ?? "") ? [] : [outside(host, owner, `the host ${host.text}`, hosts)],
  );
}

function checkTargets(route: Cursor, owner: string, targets: Cursor, own: readonly string[]): DocumentProblem[] {
  if (!targets.exists) return [];
  const granted = new Set([...targets.texts.map(targetOf), ...own]);
  return targetsIn(route).flatMap(({ name, place }) =>
    granted.has(targetOf(name)) ? [] : [outside(place, owner, `the target ${targetOf(name)}`, targets)],
  );
}

/** Everything that a route leads to, and where it says so. */
export function targetsIn(route: Cursor): { readonly name: string; readonly place: Cursor }[] {
  const named = [route.get("to"), ...partTargets(route)].flatMap((place) =>
    place.text === undefined ? [] : { name: place.text, place },
  );
  return [...named, ...otherTargets(route), ...callsOfCode(route)];
}

/** The name of a service or upstream, or an origin. */
export function targetOf(text: string): string {
  if (/^https?:/.test(text)) return URL.canParse(text) ? new URL(text).origin : text;
  const part = splitPartUrl(text);
  return part !== undefined && "service" in part.target ? part.target.service : text;
}

/** Code sees what the gateway sees of its requests: it is given by name. */
function checkFiles(route: Cursor, owner: string, granted: readonly string[]): DocumentProblem[] {
  return codeIn(route)
    .filter(({ file }) => !granted.some((pattern) => fitsGlob(pattern, file)))
    .map(({ file, place }) =>
      error("SLV3085", place.path, `the owner ${owner} is not granted the code ${file}`, {
        expected: `one of \`owners.${owner}.code\``,
      }),
    );
}

/** Whoever may write a route may send what it holds anywhere: a secret is given by name. */
function checkSecrets(route: Cursor, owner: string, granted: readonly string[]): DocumentProblem[] {
  const problems: DocumentProblem[] = [];
  const visit = (cursor: Cursor): void => {
    for (const { kind, name } of referencesIn(cursor.text ?? ""))
      if (kind === "secret" && !granted.includes(name))
        problems.push(
          error("SLV3085", cursor.path, `the owner ${owner} is not granted the secret ${name}`, {
            expected: `one of \`owners.${owner}.secrets\``,
          }),
        );
    for (const item of cursor.items) visit(item);
    for (const [, value] of cursor.entries) visit(value);
  };
  visit(route);
  return problems;
}

function outside(at: Cursor, owner: string, what: string, grants: Cursor): DocumentProblem {
  const expected = grants.exists ? grants.texts.join(", ") : `\`${grants.path.join(".")}\``;
  return error("SLV3085", at.path, `the owner ${owner} is not granted ${what}`, { expected });
}

/** Whether every path of a route's pattern is one of a grant's. Of an expression only its literal start is known. */
export function coversPattern(grant: PathPattern, { segments, tail }: PathPattern): boolean {
  const { length } = grant.segments;
  if (grant.tail ? segments.length < length : tail || segments.length !== length) return false;
  return grant.segments.every((segment, at) => {
    const own = segments[at];
    if ("param" in segment)
      return segment.regex === undefined && own !== undefined && !("literal" in own && own.literal === "");
    return own !== undefined && "literal" in own && own.literal === segment.literal;
  });
}
