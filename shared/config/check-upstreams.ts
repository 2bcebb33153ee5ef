/** Checks of `gateway.upstreams`: names, targets, and settings that contradict each other. */

import { limits } from "../limits.ts";
import { grpcStatusOfWord } from "../policy/grpc-status.ts";
import { isOwnBinding } from "../policy/own-bindings.ts";
import { RETRY_WORDS } from "../policy/settings.ts";
import { checkBalance } from "./check-balance.ts";
import { checkHedge } from "./check-hedge.ts";
import { checkTimes } from "./check-mesh.ts";
import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, error, warning } from "./problem.ts";
import { usesIn } from "./route-targets.ts";
import { quote } from "./schema-problems.ts";
import { parseDurationMs } from "./units.ts";

export function checkUpstreams(top: Cursor): DocumentProblem[] {
  const upstreams = top.get("gateway", "upstreams");
  const services = top.get("mesh", "services").keys;
  const used = new Set(usesIn(top).map(({ name }) => name));
  const problems = upstreams.entries.flatMap(([name, upstream]) => [
    ...checkName(name, upstream, services, used),
    ...checkTargets(upstream.get("targets")),
    ...checkBalance(upstream),
    ...checkTimes(upstream),
    ...checkHedge(upstream),
    ...checkAlone(upstream),
    ...checkRetries(upstream.get("retries")),
    ...checkHealth(upstream.get("health")),
  ]);
  const { upstreamsMax } = limits.upstreams;
  if (upstreams.keys.length > upstreamsMax)
    problems.push(error("SLV1003", upstreams.path, `a gateway has at most ${upstreamsMax} upstreams`));
  return problems;
}

function checkName(
  name: string,
  { path }: Cursor,
  services: readonly string[],
  used: ReadonlySet<string>,
): DocumentProblem[] {
  if (services.includes(name)) {
    const text = `${quote(name)} is the name of a service, too: a route could mean either`;
    return [error("SLV3110", path, text, { at: "key", expected: "another name" })];
  }
  if (used.has(name)) return [];
  return [warning("SLV3111", path, `no route leads to the upstream ${quote(name)}`, { at: "key" })];
}

interface Target {
  readonly at: Cursor;
  readonly url: Cursor;
  readonly binding: string | undefined;
  readonly weight: unknown;
  readonly group: number;
}

function readTarget(at: Cursor): Target {
  const failover = at.get("failover").value;
  return {
    at,
    url: at.text === undefined ? at.get("url") : at,
    binding: at.get("binding").text ?? at.get("mtls").text,
    weight: at.get("weight").value ?? 1,
    group: typeof failover === "number" ? failover : Number(failover === true),
  };
}

function checkTargets(list: Cursor): DocumentProblem[] {
  const targets = list.items.map(readTarget);
  return [
    ...targets.flatMap(checkUrl),
    ...targets.flatMap(checkBinding),
    ...checkTwice(targets),
    ...checkGroups(list, targets),
  ];
}

function checkUrl({ url }: Target): DocumentProblem[] {
  const { text, path } = url;
  if (text === undefined || !/^https?:\/\/[\x21-\x7e]+$/.test(text)) return [];
  if (!URL.canParse(text)) return [error("SLV2001", path, `${quote(text)} is not a URL`)];
  const { username, password, search, hash, origin, pathname } = new URL(text);
  const kept = origin + (pathname === "/" ? "" : pathname);
  if (username !== "" || password !== "")
    return [error("SLV2001", path, "a target cannot carry a user name or password", { suggestion: kept })];
  if (search === "" && hash === "" && !text.endsWith("?")) return [];
  return [
    error("SLV2001", path, "a target has no query and no fragment: requests bring their own", { suggestion: kept }),
  ];
}

function checkBinding({ at, url }: Target): DocumentProblem[] {
  if (at.text !== undefined || typeof at.value !== "object" || at.value === null) return [];
  const [binding, mtls] = [at.get("binding"), at.get("mtls")];
  if (!url.exists && !binding.exists && !mtls.exists)
    return [error("SLV2005", at.path, "a target needs `url` or `binding`", { expected: "`url` or `binding`" })];
  const problems = [binding, mtls]
    .filter(({ text }) => text !== undefined && isOwnBinding(text))
    .map(({ text, path }) =>
      error("SLV3112", path, `${text} is a binding of the gateway itself, which no client may reach`),
    );
  if (binding.exists && mtls.exists)
    problems.push(error("SLV3009", mtls.path, "`binding` and `mtls` are two ways to one target", { at: "key" }));
  if (mtls.exists && !/^https:/.test(url.text ?? "https:"))
    problems.push(error("SLV3009", url.path, "a certificate is shown over https alone", { expected: "an https URL" }));
  if (mtls.exists && !url.exists)
    problems.push(error("SLV2002", at.path, "`mtls` needs `url`: where its certificate is shown"));
  return problems;
}

function checkTwice(targets: readonly Target[]): DocumentProblem[] {
  const seen = new Set<string>();
  return targets.flatMap(({ at, url, binding }) => {
    const { text } = url;
    const where = text !== undefined && URL.canParse(text) ? new URL(text).href.replace(/\/+$/, "") : text;
    if (where === undefined && binding === undefined) return [];
    const key = [binding, where].filter((one) => one !== undefined).join(" ");
    if (seen.has(key)) return [error("SLV3006", at.path, `the target ${quote(key)} is listed twice`)];
    seen.add(key);
    return [];
  });
}

function checkGroups(list: Cursor, targets: readonly Target[]): DocumentProblem[] {
  const groups = [...new Set(targets.map(({ group }) => group))].sort((one, other) => one - other);
  const problems = groups.flatMap((group) => {
    const own = targets.filter((target) => target.group === group);
    if (own.some(({ weight }) => weight !== 0)) return [];
    const which = group === 0 ? "targets" : `targets of failover ${group}`;
    return [error("SLV3008", list.path, `all weights of the ${which} are 0: they would get no request`)];
  });
  const gap = groups.find((group, at) => group !== at);
  if (gap === undefined) return problems;
  const first = targets.find(({ group }) => group === gap);
  const text =
    groups[0] === gap
      ? "every target is for failover: nothing fails over to them"
      : `there is no target of failover ${gap - 1}, which ${gap} would come after`;
  return [...problems, error("SLV3113", first?.at.get("failover").path ?? list.path, text)];
}

/** With one target there is nothing to choose. */
function checkAlone(upstream: Cursor): DocumentProblem[] {
  if (upstream.get("targets").items.length !== 1) return [];
  const problems: DocumentProblem[] = [];
  const [hedge, hash] = [upstream.get("hedge"), upstream.get("balance", "hash")];
  if (hedge.exists)
    problems.push(warning("SLV3071", hedge.path, "no hedge is ever sent: there is one target", { at: "key" }));
  if (hash.exists)
    problems.push(warning("SLV3114", hash.path, "there is one target, which every request goes to", { at: "key" }));
  return problems;
}

function checkRetries(retries: Cursor): DocumentProblem[] {
  return retries.get("on").items.flatMap(({ text, path }) => {
    const word = RETRY_WORDS.find((one) => one === text);
    if (word === undefined || grpcStatusOfWord(word) === undefined) return [];
    return [error("SLV3050", path, `${quote(word)} is a status of gRPC, and calls to upstreams are not by gRPC`)];
  });
}

function checkHealth(health: Cursor): DocumentProblem[] {
  const [interval, timeout, expect] = [health.get("interval"), health.get("timeout"), health.get("expect")];
  const intervalMs = parseDurationMs(interval.text ?? "") ?? limits.upstreams.checkIntervalMs;
  const timeoutMs = parseDurationMs(timeout.text ?? "");
  const problems: DocumentProblem[] = [];
  if (timeoutMs !== undefined && timeoutMs > intervalMs)
    problems.push(
      error("SLV3009", timeout.path, "a check would still wait when the next one begins", {
        expected: "at most `interval`",
      }),
    );
  if (health.get("method").text === "HEAD" && expect.get("contains").exists)
    problems.push(error("SLV3009", expect.get("contains").path, "the answer to HEAD has no body", { at: "key" }));
  return problems;
}
