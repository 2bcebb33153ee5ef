/** The public tests of HTTP caches (https://github.com/http-tests/cache-tests), older and newest cut behind one face. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { createRequire, registerHooks } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

/** One test, as far as it is read here. */
export interface CacheTest {
  readonly id: string;
  readonly name: string;
  /** Absent: required. */
  readonly kind?: "required" | "optimal" | "check";
  /** Ids of tests without which the result of this one says nothing. */
  readonly depends_on?: readonly string[];
  readonly browser_only?: boolean;
  /** Whether its traffic is printed. */
  dump?: boolean;
}

export interface CacheTestGroup {
  readonly id: string;
  readonly name: string;
  readonly tests: readonly CacheTest[];
}

/** True, or what went wrong: `Setup` or `Assertion` or the name of an error, and a sentence. */
export type CacheTestResult = true | readonly [kind: string, message: string];

/** Answers one kind of request at the origin: `/config/ID`, `/test/ID`, `/state/ID`. */
type OriginHandler = (segments: string[], request: IncomingMessage, response: ServerResponse) => void;

export interface CacheSuite {
  /** Without those for browsers alone. */
  readonly groups: readonly CacheTestGroup[];
  readonly origin: Readonly<Record<"config" | "test" | "state", OriginHandler>>;
  /**
   * Runs tests; once in a process, since the suite keeps its results in a global.
   * @param base origin of the cache, such as http://127.0.0.1:8787
   */
  run(groups: readonly CacheTestGroup[], base: string): Promise<Readonly<Record<string, CacheTestResult>>>;
}

/** How many tests run at once: they wait most of their time. The value of the older cut's own runner. */
const AT_ONCE = 100;

interface Client {
  readonly runTests: (...args: unknown[]) => Promise<unknown>;
  readonly getResults: () => Record<string, CacheTestResult>;
}

/** @param folder a checkout of the newest cut; absent: the package `http-cache-tests`, which is an older one */
export async function loadCacheSuite(folder?: string): Promise<CacheSuite> {
  const root = folder === undefined ? packageFolder() : path.resolve(folder);
  const engine = folder === undefined ? root : path.join(root, "test-engine");
  if (folder !== undefined) resolveOutside(root);
  const load = (...names: string[]): Promise<Record<string, unknown>> =>
    import(pathToFileURL(path.join(...names)).href) as Promise<Record<string, unknown>>;
  const [tests, runner, config, test, state] = await Promise.all([
    load(root, "tests", "index.mjs"),
    load(engine, "client", "runner.mjs"),
    load(engine, "server", "handle-config.mjs"),
    load(engine, "server", "handle-test.mjs"),
    load(engine, "server", "handle-state.mjs"),
  ]);
  const { runTests, getResults } = runner as unknown as Client;
  // The older cut is made for node-fetch, which says nothing of its own about caching.
  const before = folder === undefined ? [(await import("node-fetch" as string)).default as unknown] : [];
  return {
    groups: withoutBrowsers(tests.default as CacheTestGroup[]),
    origin: {
      config: config.default as OriginHandler,
      test: test.default as OriginHandler,
      state: state.default as OriginHandler,
    },
    run: async (groups, base) => {
      await runTests(groups, ...before, false, base, AT_ONCE);
      return getResults();
    },
  };
}

function packageFolder(): string {
  return path.dirname(createRequire(import.meta.url).resolve("http-cache-tests/package.json"));
}

function withoutBrowsers(groups: readonly CacheTestGroup[]): CacheTestGroup[] {
  return groups.map((group) => ({ ...group, tests: group.tests.filter((test) => test.browser_only !== true) }));
}

/** A checkout has no packages of its own: what it imports by name is found where this repository finds it. */
function resolveOutside(root: string): void {
  const inside = pathToFileURL(`${root}${path.sep}`).href;
  registerHooks({
    resolve(specifier, context, next) {
      const isBare = /^[a-z@]/.test(specifier) && !specifier.includes(":");
      if (!isBare || context.parentURL?.startsWith(inside) !== true) return next(specifier, context);
      return next(specifier, { ...context, parentURL: import.meta.url });
    },
  });
}
