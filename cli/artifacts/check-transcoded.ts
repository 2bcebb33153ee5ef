/** Checks of `transcode` that need the descriptor: services that it has not, rules that hide each other, paths that lead nowhere. */
import type { FileRegistry } from "@bufbuild/protobuf";
import { Cursor } from "../../shared/config/cursor.ts";
import { nearestName } from "../../shared/config/nearest-name.ts";
import { callsOf } from "../../shared/config/part-call.ts";
import { type DocumentProblem, error, type Path, warning } from "../../shared/config/problem.ts";
import type { Document, RouteConfig } from "../../shared/config/schema.ts";
import type { PartConfig } from "../../shared/config/schema-aggregate.ts";
import { compileTranscode } from "../../shared/plan/compile-transcode.ts";
import { parsePath } from "../../shared/route/parse-path.ts";
import type { PathPattern } from "../../shared/route/route-match.ts";
import { bindingsOf, methodName, ruleText, servicesOf } from "../../shared/transcode/bindings.ts";
import { readDescriptor } from "../../shared/transcode/descriptor.ts";
import { indexMethods } from "../../shared/transcode/method-index.ts";
import type { PathTemplate } from "../../shared/transcode/path-template.ts";
import type { Artifacts } from "./build-artifacts.ts";

export function checkTranscoded({ gateway }: Document, { table, bytes }: Artifacts): DocumentProblem[] {
  const registries = new Map<string, FileRegistry>();
  const registryOf = ({ descriptor }: Transcode): FileRegistry | undefined => {
    const digest = table[`descriptors.${descriptor}`] ?? "";
    const found = bytes.get(digest);
    const registry = registries.get(digest) ?? (found && readDescriptor(found));
    if (registry !== undefined) registries.set(digest, registry);
    return registry;
  };
  return (gateway?.routes ?? []).flatMap((route, at) => {
    const place: Path = ["gateway", "routes", at];
    const registry = route.transcode && registryOf(route.transcode);
    const own = route.transcode && registry ? checkRoute(route, route.transcode, registry, place) : [];
    const parts = Object.entries(route.aggregate ?? {}).flatMap(([name, part]) => {
      const known = part.transcode && registryOf(part.transcode);
      return part.transcode && known ? checkPart(part, part.transcode, known, [...place, "aggregate", name]) : [];
    });
    return [...own, ...parts];
  });
}

type Transcode = NonNullable<RouteConfig["transcode"] | PartConfig["transcode"]>;

/** Whether the descriptor has a method for what a part asks for. */
function checkPart(part: PartConfig, transcode: Transcode, registry: FileRegistry, place: Path): DocumentProblem[] {
  const unknown = unknownServices(transcode, registry, [...place, "transcode"]);
  const [call] = callsOf(new Cursor(part, place));
  const { pattern } = parsePath(patternOf(call?.split?.path ?? ""));
  if (unknown.length > 0 || call === undefined || pattern === undefined) return unknown;
  const { bindings } = bindingsOf(registry, compileTranscode(transcode, {}));
  const atPath = bindings.filter(({ template }) => canMeet(pattern, template));
  const taken = atPath.filter(
    ({ rule }) => ["*", call.method].includes(rule.method) || isHead(call.method, rule.method),
  );
  if (taken.length > 0) return [];
  const expected =
    atPath.length > 0
      ? atPath.map(({ rule }) => rule.method).join(", ")
      : transcode.autoMap === true
        ? "a path of a rule, or POST /package.Service/Method"
        : "a path of a rule; methods without one are called with `autoMap: true`";
  return [
    warning("SLV3168", call.at.path, `no method of the descriptor is called by ${call.method} ${call.split?.path}`, {
      expected,
    }),
  ];
}

const isHead = (method: string, rule: string): boolean => method === "HEAD" && rule === "GET";

/** A part's path as a pattern: a segment with a value in it may be anything. */
const patternOf = (path: string): string =>
  (path.split("?", 1)[0] ?? "")
    .split("/")
    .map((segment, at) => (segment.includes("{") ? `{p${at}}` : segment))
    .join("/");

function unknownServices(transcode: Transcode, registry: FileRegistry, at: Path): DocumentProblem[] {
  const known = servicesOf(registry).map(({ typeName }) => typeName);
  return (transcode.services ?? []).flatMap((name, index) => {
    if (known.includes(name)) return [];
    const suggestion = nearestName(name, known);
    const details = { expected: `one of ${known.join(", ")}`, ...(suggestion !== undefined && { suggestion }) };
    return [error("SLV3166", [...at, "services", index], `the descriptor has no service ${name}`, details)];
  });
}

function checkRoute(route: RouteConfig, transcode: Transcode, registry: FileRegistry, place: Path): DocumentProblem[] {
  const at: Path = [...place, "transcode"];
  const unknown = unknownServices(transcode, registry, at);
  if (unknown.length > 0) return unknown;
  const { bindings } = bindingsOf(registry, compileTranscode(transcode, {}));
  if (bindings.length === 0)
    return [
      warning("SLV3168", at, "no method has a rule of google.api.http: no request can call one", {
        at: "key",
        suggestion: "autoMap: true",
      }),
    ];
  const hidden = indexMethods(bindings).hidden.map(({ binding, by }) => {
    const message = `${methodName(by.method)} takes the requests of ${methodName(binding.method)}: ${ruleText(binding.rule)}`;
    return warning("SLV3167", at, message, { at: "key" });
  });
  return [...hidden, ...checkPath(route, bindings, place)];
}

/** The path goes on unchanged, and rules are asked about all of it. */
function checkPath(
  { match, rewrite }: RouteConfig,
  bindings: readonly { readonly template: PathTemplate }[],
  place: Path,
): DocumentProblem[] {
  const { path } = match;
  if (rewrite !== undefined || typeof path !== "string") return [];
  const { pattern } = parsePath(path);
  if (pattern === undefined || bindings.some(({ template }) => canMeet(pattern, template))) return [];
  return [
    warning("SLV3168", [...place, "match", "path"], "no method of the descriptor has a path that this route takes", {
      suggestion: "rewrite, which says the path that rules are asked about",
    }),
  ];
}

/** Whether some path could be of both, by their literals. */
function canMeet({ segments, tail }: PathPattern, { segments: wanted, verb }: PathTemplate): boolean {
  const hasRest = wanted.at(-1) === "**";
  const fixed = hasRest ? wanted.length - 1 : wanted.length;
  if (!tail && !hasRest && segments.length !== fixed) return false;
  if (!tail && segments.length < fixed) return false;
  if (!hasRest && segments.length > fixed) return false;
  return segments.every((segment, at) => {
    const other = wanted[at];
    if (!("literal" in segment) || other === undefined || other === "*" || other === "**") return true;
    return segment.literal === other || (at === fixed - 1 && segment.literal === `${other}:${verb}`);
  });
}
