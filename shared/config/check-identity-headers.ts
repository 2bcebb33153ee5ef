/** Checks of `identityHeaders`: names that nothing else uses, templates that name the identity. */
import { asRead, HOP_BY_HOP, isForgeable } from "../http/header-names.ts";
import { limits } from "../limits.ts";
import { checkIdentityHole } from "./check-holes.ts";
import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, error } from "./problem.ts";
import { quote } from "./schema-problems.ts";
import { holesOf, parseTemplate } from "./template.ts";

export function checkIdentityHeaders(top: Cursor): DocumentProblem[] {
  const gateway = top.get("gateway");
  const routes = gateway.get("routes").items;
  const mappings = [gateway, ...routes].map((place) => place.get("identityHeaders"));
  const declared = new Set(mappings.flatMap(({ keys }) => keys.map((name) => name.toLowerCase())));
  if (declared.size === 0) return [];
  const carriers = carriersOf(gateway);
  return [
    ...mappings.flatMap((mapping) => checkMapping(mapping, carriers)),
    ...routes.flatMap((route) => [...checkPublic(route), ...checkOtherUses(route, declared)]),
  ];
}

/** Fields in which something is proven, to what that is. */
function carriersOf(gateway: Cursor): ReadonlyMap<string, string> {
  const keys = gateway
    .get("identity")
    .entries.map(([name, provider]) => [provider.get("apiKey", "header").text, `the keys of ${name}`] as const);
  const all = [...keys, [gateway.get("tlsTerminator", "escapedPemHeader").text, "client certificates"] as const];
  return new Map(
    all.flatMap(([header, what]) => (header === undefined ? [] : [[asRead(header.toLowerCase()), what] as const])),
  );
}

function checkMapping(mapping: Cursor, carriers: ReadonlyMap<string, string>): DocumentProblem[] {
  const { headersMax } = limits.identityHeaders;
  const seen = new Set<string>();
  const problems = mapping.entries.flatMap(([name, template]) => {
    const lower = name.toLowerCase();
    const repeated = seen.has(lower);
    seen.add(lower);
    if (repeated) return [error("SLV3006", template.path, `the header ${lower} is named twice`, { at: "key" })];
    return [...checkName(lower, template, carriers), ...checkTemplate(template)];
  });
  if (mapping.keys.length > headersMax)
    problems.push(
      error("SLV1003", mapping.path, `at most ${headersMax} identity headers, these are ${mapping.keys.length}`),
    );
  return problems;
}

function checkName(name: string, { path }: Cursor, carriers: ReadonlyMap<string, string>): DocumentProblem[] {
  const at = "key" as const;
  if (name.includes("_")) {
    const details = { at, suggestion: asRead(name) };
    return [error("SLV2004", path, `${name}: servers differ in what they take a _ in a header's name for`, details)];
  }
  const carried = carriers.get(name);
  if (carried !== undefined) return [error("SLV3009", path, `the header ${name} carries ${carried}`, { at })];
  if (!HOP_BY_HOP.has(name) && !isForgeable(name) && !STANDARD.test(name)) return [];
  return [error("SLV3009", path, `the header ${name} has another meaning and cannot tell of an identity`, { at })];
}

/** Fields of requests with a meaning of their own: clients need them, and upstreams would misread them. */
const STANDARD =
  /^(?:accept|access-control|authorization|cache-control|content|cookie|date|dpop|expect|from|host|idempotency-key|if|last-event-id|origin|pragma|prefer|priority|range|referer|sec|signature|tracestate|traceparent|upgrade|user-agent|vary|webhook|x-requested-with)(?:$|-)/;

function checkTemplate(template: Cursor): DocumentProblem[] {
  if (template.text === undefined) return [];
  const { parts, fault } = parseTemplate(template.text);
  if (fault !== undefined)
    return [error("SLV2001", template.path, `${quote(template.text)} is not a template: ${fault}`)];
  const holes = holesOf(parts);
  if (holes.length === 0)
    return [
      error("SLV2001", template.path, `${quote(template.text)} says nothing of the identity`, {
        expected: "a template such as {identity.sub}; constants are set by `transform`",
      }),
    ];
  return holes.flatMap((hole) => checkIdentityHole(hole, template.path));
}

/** A route's own mapping on a route that asks nobody who they are. */
function checkPublic(route: Cursor): DocumentProblem[] {
  const own = route.get("identityHeaders");
  if (own.keys.length === 0 || route.get("auth").exists) return [];
  return [
    error("SLV3009", own.path, "the route has no `auth`, so there is no identity to tell of", {
      at: "key",
      expected: "a route with `auth`; what clients send under these names is removed everywhere",
    }),
  ];
}

/** An edit would change the gateway's word, and a match would go by the client's. */
function checkOtherUses(route: Cursor, declared: ReadonlySet<string>): DocumentProblem[] {
  const headers = route.get("transform", "request", "headers");
  const isDeclared = (name: string | undefined): boolean =>
    name !== undefined && declared.has(asRead(name.toLowerCase()));
  const removed = headers.get("remove").items.filter(({ text }) => isDeclared(text));
  const renamed = headers.get("rename").entries.flatMap(([, to]) => (isDeclared(to.text) ? [to] : []));
  const edited = ["rename", "set", "add", "append"].map((edit) => headers.get(edit));
  const named = [...edited, route.get("match", "headers")].flatMap(({ entries }) =>
    entries.flatMap(([name, cursor]) => (isDeclared(name) ? [cursor] : [])),
  );
  const message = (name: unknown): string => `the header ${String(name).toLowerCase()} is an identity header`;
  return [
    ...removed.map(({ path, text }) => error("SLV3009", path, `${message(text)}: it is removed from clients anyway`)),
    ...renamed.map(({ path, text }) => error("SLV3009", path, `${message(text)}: only the gateway says it`)),
    ...named.map(({ path }) =>
      error("SLV3009", path, `${message(path.at(-1))}: only the gateway says it`, { at: "key" }),
    ),
  ];
}
