/** Checks of the mesh's part: names, subsets, weights, access. */
import { GATEWAY_SERVICE } from "../identity/spiffe-id.ts";
import { checkAccessShadow } from "./check-access.ts";
import { checkBalance } from "./check-balance.ts";
import { checkDiscovery } from "./check-discovery.ts";
import { checkFaults, FAULTS } from "./check-faults.ts";
import { checkGrpcWeb } from "./check-grpc-web.ts";
import { checkHedge } from "./check-hedge.ts";
import { checkProtocol } from "./check-protocol.ts";
import { checkSplit } from "./check-split.ts";
import { checkOutboundPorts, checkTcp, checkTcpTargets } from "./check-tcp.ts";
import type { Cursor } from "./cursor.ts";
import { matchesAll } from "./matches-all.ts";
import { nearestName } from "./nearest-name.ts";
import { type DocumentProblem, error, type ProblemCode, warning } from "./problem.ts";
import { describe, quote } from "./schema-problems.ts";
import { parseDurationMs } from "./units.ts";

export function checkMesh(top: Cursor): DocumentProblem[] {
  const services = top.get("mesh", "services");
  const each = services.entries.flatMap(([name, service]) => [
    ...checkName(name, service),
    ...checkTraffic(name, service),
    ...checkTimes(service),
    ...checkBalance(service),
    ...checkHedge(service),
    ...checkProtocol(service),
    ...checkFaults(service, FAULTS),
    ...checkAccess(name, service, services.keys),
    ...checkAccessShadow(name, service.get("access")),
    ...checkTcp(service),
    ...checkDiscovery(name, service, top),
  ]);
  return [...each, ...checkOutboundPorts(services), ...checkTcpTargets(top), ...checkGrpcWeb(top)];
}

function checkName(name: string, service: Cursor): DocumentProblem[] {
  if (name !== GATEWAY_SERVICE) return [];
  return [
    error("SLV2004", service.path, `${quote(name)} is the name of the edge itself and cannot be a service`, {
      at: "key",
    }),
  ];
}

function checkTraffic(name: string, service: Cursor): DocumentProblem[] {
  const subsets = service.get("subsets").keys;
  const problems: DocumentProblem[] = [];
  let catchAll: Cursor | undefined;
  for (const rule of service.get("traffic").items) {
    problems.push(...checkSplit(rule, "subset"), ...unknownSubsets(name, rule, subsets));
    if (catchAll !== undefined)
      problems.push(warning("SLV3012", rule.path, "this rule never matches: a rule above it takes every request"));
    else if (matchesAll(rule.get("match")) && typeof rule.value === "object") catchAll = rule;
  }
  for (const rule of service.get("mirror").items) problems.push(...unknownSubsets(name, rule, subsets));
  return problems;
}

function unknownSubsets(service: string, rule: Cursor, known: readonly string[]): DocumentProblem[] {
  const to = rule.get("to");
  const named = [
    ...(to.text === undefined ? [] : [{ name: to.text, at: "value" as const, path: to.path }]),
    ...rule.get("split").entries.map(([name, cursor]) => ({ name, at: "key" as const, path: cursor.path })),
  ];
  return named
    .filter(({ name }) => !known.includes(name))
    .map(({ name, at, path }) => unknownName("SLV3003", `subset of ${service}`, name, known, path, at));
}

/** Times of `retries` against each other and the whole call's. @param service or what else has `timeout` and `retries` */
export function checkTimes(service: Cursor): DocumentProblem[] {
  return [...checkPerTry(service), ...checkBackoff(service.get("retries", "backoff"))];
}

function checkBackoff(backoff: Cursor): DocumentProblem[] {
  const [base, max] = [backoff.get("base"), backoff.get("max")];
  const baseMs = parseDurationMs(base.text ?? "");
  const maxMs = parseDurationMs(max.text ?? "");
  if (baseMs === undefined || maxMs === undefined || baseMs <= maxMs) return [];
  return [error("SLV3009", max.path, "`max` is shorter than `base`")];
}

function checkPerTry(service: Cursor): DocumentProblem[] {
  const [whole, perTry] = [service.get("timeout"), service.get("retries", "perTry")];
  const wholeMs = parseDurationMs(whole.text ?? "");
  const perTryMs = parseDurationMs(perTry.text ?? "");
  if (wholeMs === undefined || perTryMs === undefined || perTryMs <= wholeMs) return [];
  return [
    warning("SLV3009", perTry.path, `one attempt may take ${perTry.text}, longer than the whole call (${whole.text})`),
  ];
}

function checkAccess(name: string, service: Cursor, services: readonly string[]): DocumentProblem[] {
  const access = service.get("access");
  if (typeof service.value === "object" && !access.exists)
    return [
      warning("SLV3011", service.path, `${name} has no \`access\`: every workload of the trust domain may call it`, {
        at: "key",
        suggestion: "access: [{ from: gateway }]",
      }),
    ];
  const known = [GATEWAY_SERVICE, "*", ...services];
  return access.items.flatMap((rule) => {
    const from = rule.get("from");
    if (from.text === undefined || known.includes(from.text) || from.text.startsWith("spiffe://")) return [];
    return [unknownName("SLV3001", "service", from.text, known, from.path)];
  });
}

/** "unknown service "ordres": known are orders, users". */
export function unknownName(
  code: ProblemCode,
  kind: string,
  name: unknown,
  known: readonly string[],
  path: Cursor["path"],
  at: "key" | "value" = "value",
): DocumentProblem {
  const suggestion = typeof name === "string" ? nearestName(name, known) : undefined;
  const expected = known.length === 0 ? `none is defined` : `one of ${known.join(", ")}`;
  return error(code, path, `unknown ${kind} ${describe(name)}`, {
    at,
    expected,
    ...(suggestion !== undefined && { suggestion }),
  });
}
