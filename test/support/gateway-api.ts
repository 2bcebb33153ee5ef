/**
 * HTTPRoute manifests of the Kubernetes Gateway API as documents, and the published cases for them. They are read from
 * ../shared/vectors/gateway-api when that is there.
 */
import { existsSync, readFileSync } from "node:fs";
import { parseAllDocuments } from "yaml";
import type { Document, RouteConfig } from "../../shared/config/schema.ts";
import type { MatchConfig, ValueTestConfig } from "../../shared/config/schema-match.ts";

const FOLDER = new URL("../../../shared/vectors/gateway-api/", import.meta.url);

export const hasVectors = existsSync(FOLDER);

export interface ConformanceSuite {
  readonly shortName: string;
  readonly manifests: readonly string[];
  readonly cases: readonly ConformanceCase[];
}

export interface ConformanceCase {
  /** Which backend must get it; absent: none, or any. */
  readonly Backend?: string;
  readonly Request: {
    readonly Host?: string;
    readonly Method?: string;
    readonly Path: string;
    readonly Headers?: Readonly<Record<string, string>>;
  };
  /** What the backend must get, where that differs from the request. */
  readonly ExpectedRequest?: {
    readonly Request?: { readonly Host?: string; readonly Path?: string; readonly Headers?: Record<string, string> };
    readonly AbsentHeaders?: readonly string[];
  };
  readonly Response?: {
    readonly StatusCode?: number;
    readonly Headers?: Readonly<Record<string, string>>;
    readonly AbsentHeaders?: readonly string[];
  };
  readonly RedirectRequest?: {
    readonly Scheme?: string;
    readonly Host?: string;
    readonly Port?: string;
    readonly Path?: string;
  };
}

/** Every suite by its short name; none when the vectors are absent. */
export function conformanceSuites(): ReadonlyMap<string, ConformanceSuite> {
  if (!hasVectors) return new Map();
  const suites = JSON.parse(readFileSync(new URL("cases.json", FOLDER), "utf8")) as ConformanceSuite[];
  return new Map(suites.map((suite) => [suite.shortName, suite]));
}

/** A filter of a rule as the manifest has it. */
export type RouteFilter = Readonly<Record<string, unknown>> & { readonly type: string };

interface NameValue {
  readonly type?: "Exact" | "RegularExpression";
  readonly name: string;
  readonly value: string;
}

interface RuleMatch {
  readonly path?: { readonly type?: "Exact" | "PathPrefix" | "RegularExpression"; readonly value?: string };
  readonly headers?: readonly NameValue[];
  readonly queryParams?: readonly NameValue[];
  readonly method?: string;
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly listeners?: readonly { readonly name: string; readonly hostname?: string }[];
    readonly parentRefs?: readonly { readonly name: string; readonly sectionName?: string }[];
    readonly hostnames?: readonly string[];
    readonly rules?: readonly {
      readonly matches?: readonly RuleMatch[];
      readonly filters?: readonly RouteFilter[];
      readonly backendRefs?: readonly { readonly name: string }[];
    }[];
  };
}

/**
 * The document of a suite. A backend is an origin of its name, `http://infra-backend-v1.test`.
 * @param convert what a route gets for the filters of its rule; absent: filters are left out
 */
export function documentOf(
  suite: ConformanceSuite,
  convert: (filters: readonly RouteFilter[]) => Partial<RouteConfig> = () => ({}),
): Document {
  const manifests = ["base-manifests.yaml", ...suite.manifests].flatMap(readManifests);
  const listeners = new Map(
    manifests.flatMap(({ kind, metadata, spec }) =>
      kind === "Gateway" ? [[metadata.name, spec.listeners ?? []] as const] : [],
    ),
  );
  const routes = manifests
    .filter(({ kind }) => kind === "HTTPRoute")
    .flatMap((manifest) => routesOf(manifest, listeners, convert));
  const hosts = suite.cases.map(({ Request }) => (Request.Host ?? DEFAULT_HOST).replace(/:\d+$/, ""));
  return { selvage: 1, name: "conformance", gateway: { hosts: [...new Set([DEFAULT_HOST, ...hosts])], routes } };
}

/** Where a case is sent that names no host. */
export const DEFAULT_HOST = "gateway.test";

function readManifests(name: string): Manifest[] {
  const file = new URL(`manifests/${name.replaceAll("/", "-")}`, FOLDER);
  return parseAllDocuments(readFileSync(file, "utf8")).flatMap(
    (document) => (document.toJS() as Manifest | null) ?? [],
  );
}

type Listeners = ReadonlyMap<string, NonNullable<Manifest["spec"]["listeners"]>>;

function routesOf(
  { metadata, spec }: Manifest,
  listeners: Listeners,
  convert: (filters: readonly RouteFilter[]) => Partial<RouteConfig>,
): RouteConfig[] {
  const hosts = hostsOf(spec, listeners);
  if (hosts === "none") return [];
  return (spec.rules ?? []).flatMap(({ matches = [{}], filters = [], backendRefs = [] }, rule) =>
    matches.map((match, at): RouteConfig => {
      const backend = backendRefs[0]?.name;
      return {
        name: `${metadata.name}-${rule}-${at}`,
        match: { ...matchOf(match), ...(hosts.length > 0 && { hosts }) },
        ...(backend !== undefined && { to: `http://${backend}.test` }),
        ...convert(filters),
      };
    }),
  );
}

/** What the route's and its listeners' hosts have in common; empty: all, `none`: no listener takes the route. */
function hostsOf(spec: Manifest["spec"], listeners: Listeners): string[] | "none" {
  const own = spec.hostnames ?? [];
  const parents = (spec.parentRefs ?? []).flatMap(({ name, sectionName }) =>
    (listeners.get(name) ?? []).filter((listener) => sectionName === undefined || listener.name === sectionName),
  );
  if (parents.some(({ hostname }) => hostname === undefined)) return [...own];
  const common = parents.flatMap(({ hostname = "" }) =>
    own.length === 0 ? [hostname] : own.flatMap((host) => intersection(host, hostname) ?? []),
  );
  return common.length === 0 ? "none" : [...new Set(common)];
}

function intersection(a: string, b: string): string | undefined {
  if (a === b || (b.startsWith("*.") && a.endsWith(b.slice(1)))) return a;
  return a.startsWith("*.") && b.endsWith(a.slice(1)) ? b : undefined;
}

function matchOf({ path, headers, queryParams, method }: RuleMatch): MatchConfig {
  return {
    path: pathOf(path?.type ?? "PathPrefix", path?.value ?? "/"),
    ...(method !== undefined && { methods: [method] }),
    ...(headers !== undefined && { headers: testsOf(headers) }),
    ...(queryParams !== undefined && { query: testsOf(queryParams) }),
  };
}

function pathOf(type: string, value: string): MatchConfig["path"] {
  if (type === "RegularExpression") return { regex: value };
  return type === "Exact" ? value : `${value.replace(/\/$/, "")}/*`;
}

/** Of several tests of one name the first counts. */
function testsOf(tests: readonly NameValue[]): Record<string, ValueTestConfig> {
  const entries = tests.map(({ type, name, value }) => [name, type === "RegularExpression" ? { regex: value } : value]);
  return Object.fromEntries(entries.toReversed()) as Record<string, ValueTestConfig>;
}
