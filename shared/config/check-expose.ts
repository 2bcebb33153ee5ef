/** Checks of `expose`: everything that holds for the gateway's routes, and what of them an agent cannot do alone. */

import { parseValueTemplate } from "../policy/value-template.ts";
import { checkClientIp } from "./check-client-ip.ts";
import { checkGateway } from "./check-gateway.ts";
import { checkIdentityHeaders } from "./check-identity-headers.ts";
import { checkNamedLimits } from "./check-limits.ts";
import { checkRoutes } from "./check-routes.ts";
import { Cursor } from "./cursor.ts";
import { exposePlace } from "./expose-place.ts";
import { type DocumentProblem, error, warning } from "./problem.ts";
import { quote } from "./schema-problems.ts";

export function checkExpose(top: Cursor): DocumentProblem[] {
  return top.get("mesh", "services").entries.flatMap(([name, service]) => {
    const expose = service.get("expose");
    if (expose.entries.length === 0) return [];
    const routes = expose.get("routes").items;
    return [
      ...checkAsGateway(name, expose, top),
      ...checkProxies(expose.get("proxyProtocol")),
      ...routes.flatMap((route) => [
        ...checkSettings(route),
        ...checkEdits(route.get("transform")),
        ...checkProofs(route, top.get("gateway", "identity")),
        ...checkCounting(route.get("rateLimit")),
      ]),
    ];
  });
}

function checkProxies(networks: Cursor): DocumentProblem[] {
  return networks.items
    .filter(({ text }) => /\/0+$/.test(text ?? ""))
    .map(({ path, text }) =>
      warning("SLV3015", path, `${text} is every address: whoever connects chooses the address that it has`, {
        expected: "the addresses of the load balancers",
      }),
    );
}

function checkAsGateway(service: string, expose: Cursor, top: Cursor): DocumentProblem[] {
  const stand = new Cursor({ gateway: gatewayOf(service, expose, top.get("gateway")), mesh: top.get("mesh").value });
  const problems = [
    ...checkGateway(stand),
    ...checkClientIp(stand),
    ...checkNamedLimits(stand.get("gateway")),
    ...checkRoutes(stand),
    ...checkIdentityHeaders(stand),
  ];
  return problems.flatMap((problem) => {
    const path = exposePlace(service, problem.path);
    return path === undefined ? [] : [{ ...problem, path }];
  });
}

/** The gateway that would do what this `expose` asks for; what an agent cannot do is left out, and has problems of its own. */
function gatewayOf(service: string, expose: Cursor, gateway: Cursor): unknown {
  const routes = expose.get("routes").items.map((route) => {
    const kept = route.entries.filter(([key]) => !Object.hasOwn(ELSEWHERE, key));
    const rateLimit = route.get("rateLimit");
    const counted = Array.isArray(rateLimit.value) ? rateLimit.items.map(asLocal) : asLocal(rateLimit);
    return { ...Object.fromEntries(kept.map(([key, { value }]) => [key, value])), rateLimit: counted, to: service };
  });
  const { routes: _, ...own } = Object.fromEntries(expose.entries.map(([key, { value }]) => [key, value]));
  return { ...own, identity: gateway.get("identity").value, plans: gateway.get("plans").value, routes };
}

/** Names of limits, which have a problem of their own, are nothing. */
function asLocal({ value }: Cursor): unknown {
  return typeof value === "object" && value !== null ? { ...value, mode: "local" } : undefined;
}

/** Settings of a route to what serves instead. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  to: "a route without it: every request goes to the service itself",
  aggregate: "a route of `gateway`, which composes answers",
  answer: "a route of `gateway`, which composes answers",
  cache: "a route of `gateway`, which keeps answers",
  respond: "a route of `gateway`, which answers itself",
  redirect: "a route of `gateway`, which answers itself",
  policies: "a route of `gateway`, which runs code",
  handler: "a route of `gateway`, which runs code",
  calls: "a route of `gateway`, which runs code",
  errorPages: "a route of `gateway`: an agent answers with problem documents",
  securityHeaders: "`transform.response`, or a route of `gateway`",
  idempotency: "a route of `gateway`, which remembers keys for all instances",
  traffic: "a route of `gateway`, which chooses among targets",
  mirror: "a route of `gateway`, or `mirror` of the service",
  faults: "a route of `gateway`, or `faults` of the service",
  graphql: "a route of `gateway`, which parses documents",
  transcode: "a route of `gateway`, which speaks gRPC for its clients",
  validate: "a route of `gateway`, which gets contracts",
  lifecycle: "a route of `gateway`, which counts who still calls",
  upgrades: "a route of `gateway`: this listener makes no tunnels",
  streamIdle: "`streamIdle` of the service",
  maxConnections: "a route of `gateway`",
  context: "`identityHeaders`: an agent mints no transaction tokens",
  owner: "a route of `gateway`: what owners are granted is not asked here",
};

function checkSettings(route: Cursor): DocumentProblem[] {
  const found = route.entries.filter(([key]) => Object.hasOwn(ELSEWHERE, key));
  const problems = found.map(([key, { path }]) =>
    error("SLV3064", path, `\`${key}\` cannot be done by an agent alone`, {
      at: "key",
      ...(ELSEWHERE[key] !== undefined && { expected: ELSEWHERE[key] }),
    }),
  );
  const regex = route.get("rewrite", "regex");
  if (regex.exists)
    problems.push(
      error("SLV3064", regex.path, "an agent rewrites paths by names alone", {
        at: "key",
        expected: "a path with `{name}` and a final `*`, or a route of `gateway`",
      }),
    );
  const identity = route.get("match", "identity");
  if (identity.exists)
    problems.push(
      error("SLV3064", identity.path, "an agent finds routes before it knows who asks", {
        at: "key",
        expected: "a condition in `auth`, or a route of `gateway`",
      }),
    );
  const decision = route.get("auth", "decision");
  if (decision.exists)
    problems.push(
      error("SLV3064", decision.path, "an agent asks no decision point", {
        at: "key",
        expected: "a condition in `when`, or a route of `gateway`",
      }),
    );
  return problems;
}

/** An agent edits fields by constants. */
function checkEdits(transform: Cursor): DocumentProblem[] {
  const response = transform.get("response");
  const others = [
    ...["query", "method", "body", "json"].map((key) => transform.get("request", key)),
    ...response.oneOrItems.flatMap((answer) => ["when", "statuses", "body", "json"].map((key) => answer.get(key))),
    ...[transform.get("request"), ...response.oneOrItems].flatMap((side) => [
      ...["rename", "append"].map((key) => side.get("headers", key)),
      ...["set", "add"].flatMap((key) =>
        side
          .get("headers", key)
          .entries.map(([, value]) => value)
          .filter(isFilled),
      ),
    ]),
  ];
  return others
    .filter(({ exists }) => exists)
    .map(({ path }) =>
      error("SLV3064", path, "an agent edits header fields by constants alone", {
        at: "key",
        expected: "`remove`, and `set` or `add` without templates, or a route of `gateway`",
      }),
    );
}

const isFilled = ({ text }: Cursor): boolean =>
  text === undefined || parseValueTemplate(text).some((piece) => typeof piece !== "string");

/** Kinds of providers to why an agent cannot verify them. */
const UNCHECKED: Readonly<Record<string, string>> = {
  apiKey: "API keys are known to the gateway's Durable Objects alone",
  introspection: "issuers are asked about tokens by the gateway alone",
  certificate: "the listener asks for no client certificates",
  signature: "that a signature was not used before is known to the gateway alone",
  webhook: "that a delivery did not come before is known to the gateway alone",
  oidc: "logins and their sessions are the gateway's",
};

function checkProofs(route: Cursor, identity: Cursor): DocumentProblem[] {
  const auth = route.get("auth");
  const named = auth.text === undefined ? [...auth.get("any").items, ...auth.get("all").items] : [auth];
  return named.flatMap((provider) => {
    const reason = provider.text === undefined ? undefined : uncheckedReason(identity.get(provider.text));
    if (reason === undefined) return [];
    return [
      error("SLV3065", provider.path, `an agent cannot verify ${quote(provider.text ?? "")}: ${reason}`, {
        expected: "a provider of `jwt` with public keys, or a route of `gateway`",
      }),
    ];
  });
}

function uncheckedReason(provider: Cursor): string | undefined {
  const kind = provider.keys.find((key) => Object.hasOwn(UNCHECKED, key));
  if (kind !== undefined) return UNCHECKED[kind];
  const jwt = provider.get("jwt");
  if (jwt.get("secret").exists) return "its secret would have to be at every agent";
  const bound = ["dpop", "certificateBound"].some((setting) => jwt.get(setting).text === "required");
  return bound ? "what its tokens are bound to is checked by the gateway alone" : undefined;
}

function checkCounting(rateLimit: Cursor): DocumentProblem[] {
  return rateLimit.oneOrItems.flatMap((limit) => {
    if (limit.text !== undefined)
      return [
        error("SLV3066", limit.path, `${quote(limit.text)} is counted by the gateway: an agent cannot take part`, {
          expected: "the limit itself, which each instance counts for itself",
        }),
      ];
    const [mode, cost] = [limit.get("mode"), limit.get("cost")];
    const problems: DocumentProblem[] = [];
    if (mode.text !== undefined && !["local", "enforce", "shadow"].includes(mode.text))
      problems.push(
        error("SLV3066", mode.path, `an agent counts by itself: \`mode: ${mode.text}\` needs the gateway`, {
          expected: "`mode: local`, or none: with n instances up to n times the limit pass",
        }),
      );
    if (cost.exists)
      problems.push(
        error("SLV3066", cost.path, "an agent does not read from answers what a request cost", {
          at: "key",
          expected: "a route of `gateway`",
        }),
      );
    return problems;
  });
}
