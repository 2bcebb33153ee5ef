/** The code of a route as a Hono app, made by the first request that needs it. */
import { Hono, type MiddlewareHandler } from "hono";
import { SelvageError } from "../../../shared/errors.ts";
import type { CodeUse } from "../../../shared/policy/custom-code.ts";
import { type CodeExchange, codeFault } from "./code-exchange.ts";
import { logFor } from "./code-log.ts";
import { outgoingRequest } from "./code-request.ts";
import { servicesFor } from "./code-services.ts";
import { modules } from "./deployed-code.mjs";
import type { CodeEnv, CodeMark, SettingsIssue, SettingsSchema } from "./policy.ts";

/** By which the middleware of an app finds what it has to know of a request. */
export const exchanges = new WeakMap<Request, CodeExchange>();

type Code = MiddlewareHandler<CodeEnv>;
export type CodeChain = Hono<CodeEnv>;

/** By the plan's own object of their uses: a new plan has new ones. Results alone are shared between requests, no promises. */
const chains = new WeakMap<object, CodeChain>();

/**
 * @param key object of the plan that stands for these uses
 * @param exchange of the first request that needs them
 * @param last what is inside the last of them; absent: the last one answers itself
 * @throws SelvageError code_failed, secret_missing
 */
export async function chainOf(
  key: object,
  uses: readonly CodeUse[],
  kind: CodeMark["kind"],
  exchange: CodeExchange,
  last?: Code,
): Promise<CodeChain> {
  const known = chains.get(key);
  if (known !== undefined) return known;
  const app = new Hono<CodeEnv>();
  app.use("*", begin);
  for (const use of uses) {
    const { run, settings } = await loadCode(use, kind, exchange);
    app.use("*", withOwn(use.file, run, settings));
  }
  if (last !== undefined) app.all("*", last);
  app.notFound(() => {
    throw new Error("it has returned no response");
  });
  app.onError((error) => {
    // What Hono's own middleware throws where it refuses.
    if ("getResponse" in error && typeof error.getResponse === "function") return error.getResponse() as Response;
    throw error;
  });
  chains.set(key, app);
  return app;
}

/** The request's own variables, the same for all code of a route. */
const begin: Code = async (c, next) => {
  const exchange = exchangeOf(c.req.raw);
  const route = exchange.c.get("route");
  for (const [name, value] of Object.entries(exchange.c.get("codeValues") ?? {})) c.set(name, value);
  // Copies: what one request's code does to them must reach neither tokens that are minted nor later requests.
  c.set("identity", structuredClone(exchange.c.get("identity")));
  c.set("route", { name: route.name, params: { ...exchange.c.get("params") } });
  c.set("request", outgoingRequest(exchange));
  c.set("services", servicesFor(exchange));
  await next();
  exchange.hasReplaced = c.res.body !== exchange.inner?.body;
};

/** One code with what is its own: settings and log are again those of the others inside and outside it. */
function withOwn(file: string, run: Code, settings: Settings): Code {
  return async (c, next) => {
    const exchange = exchangeOf(c.req.raw);
    const take = (): void => {
      c.set("settings", settings);
      c.set("log", logFor(exchange, file));
    };
    take();
    try {
      const answer: unknown = await run(c, async () => {
        await next();
        take();
      });
      if (answer !== undefined && !(answer instanceof Response))
        throw new Error(`it has returned ${typeof answer}, which is no Response`);
      if (answer === undefined && !c.finalized)
        throw new Error("it has returned no Response, and has not waited for `next()`");
      return answer;
    } catch (cause) {
      exchange.failedIn ??= file;
      throw cause;
    }
  };
}

export function exchangeOf(request: Request): CodeExchange {
  const exchange = exchanges.get(request);
  if (exchange === undefined) throw new Error("`c.req.raw` is another request than the one that came");
  return exchange;
}

type Settings = Readonly<Record<string, unknown>>;

interface LoadedCode {
  readonly run: Code;
  readonly settings: Settings;
}

async function loadCode(
  { file, settings = {} }: CodeUse,
  kind: CodeMark["kind"],
  { c, caller }: CodeExchange,
): Promise<LoadedCode> {
  const load = Object.hasOwn(modules, file) ? modules[file] : undefined;
  if (load === undefined) throw codeFault(file, "this gateway was deployed without it");
  const { default: made } = await load().catch((cause: unknown) => {
    throw codeFault(file, `cannot be loaded: ${cause instanceof Error ? cause.stack : String(cause)}`, cause);
  });
  if (typeof made !== "function") throw codeFault(file, "its default export is no function");
  const { kind: found = "policy", settings: schema } = ("selvage" in made ? made.selvage : {}) as Partial<CodeMark>;
  if (found !== kind) throw codeFault(file, `it is a ${found}, and the route names it as its ${kind}`);
  return {
    run: made as Code,
    settings: await checked(file, schema, filled(settings, (text) => caller.fillSecrets(text, c.env)) as Settings),
  };
}

/** Settings with the values of their `${secret:NAME}`. @param fill makes a text of a text */
function filled(value: unknown, fill: (text: string) => string): unknown {
  if (typeof value === "string") return fill(value);
  if (Array.isArray(value)) return value.map((one) => filled(one, fill));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, filled(one, fill)]));
}

async function checked(file: string, schema: SettingsSchema | undefined, settings: Settings): Promise<Settings> {
  if (schema === undefined) return settings;
  const result = await schema["~standard"].validate(settings);
  if (result.issues === undefined) return result.value as Settings;
  // Values may be secrets: places and messages of schemas name none.
  throw new SelvageError("code_failed", `${file}: its settings: ${result.issues.map(issueText).join("; ")}`);
}

function issueText({ message, path = [] }: SettingsIssue): string {
  const place = path.map((key) => String(typeof key === "object" ? key.key : key)).join(".");
  return place === "" ? message : `${place}: ${message}`;
}
