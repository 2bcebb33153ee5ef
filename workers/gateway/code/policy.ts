/**
 * `selvage/policy`: what code of your own at the edge is written with. A policy is Hono middleware, a handler is what answers a route;
 * both are the default export of a file that a route of `selvage.yaml` names. See docs/custom-code.md.
 */
import type { Context, MiddlewareHandler } from "hono";

/** Who calls, as `auth` of the route has found; `method` is `anonymous` when nothing was proven. */
export interface CallerIdentity {
  readonly sub: string;
  readonly issuer: string;
  readonly scopes: readonly string[];
  readonly claims: Readonly<Record<string, unknown>>;
  readonly consumer?: string;
  readonly plan?: string;
  readonly groups: readonly string[];
  readonly method: string;
}

/** The route that the request has come to. */
export interface MatchedRoute {
  readonly name: string;
  /** What `{name}` and a final `*` of its path stand for. */
  readonly params: Readonly<Record<string, string>>;
}

/** Fields of a request that goes on. Those that belong to the gateway can be read, and not changed. */
export interface OutgoingFields extends Iterable<readonly [name: string, value: string]> {
  get(name: string): string | null;
  has(name: string): boolean;
  /** @throws TypeError for a field of the gateway, and for a value that is not one line of visible ASCII; so do the others */
  set(name: string, value: string): void;
  append(name: string, value: string): void;
  delete(name: string): void;
}

/** The request as it goes on when a policy lets it pass. It can be changed until `next()` is called. */
export interface OutgoingRequest {
  readonly headers: OutgoingFields;
  /** What stands after the `?`, instead of what the client sent. */
  setQuery(query: string | URLSearchParams): void;
  /** Other content than the client sent; null: none. @throws TypeError for content of GET and HEAD, which have none */
  setBody(content: string | Uint8Array | null, contentType?: string): void;
}

export interface CallInit {
  /** Default: GET, and POST where there is content. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | ReadableStream | URLSearchParams | null;
  /** A value that is sent as JSON, instead of `body`. */
  readonly json?: unknown;
  /** For this call, ms; never longer than what is left of the route's time. */
  readonly timeoutMs?: number;
}

/** A service of the mesh, an upstream or an origin that `calls` of the route names. */
export interface Service {
  /**
   * @param path with its query; begins with `/`, and has no `.` or `..` segment: escape what comes of requests (`encodeURIComponent`)
   * @throws an Error with a `code`, such as `upstream_timeout`, when there is no answer
   */
  fetch(path: string, init?: CallInit): Promise<Response>;
  /** The answer's content. @throws also when the status is no 2xx or the content is no JSON */
  json<T = unknown>(path: string, init?: CallInit): Promise<T>;
}

/** Names of services, for types alone: `declare module "selvage/policy" { interface ServiceNames { orders: true } }`. */
// biome-ignore lint/suspicious/noEmptyInterface: others add to it
export interface ServiceNames {}

export type Services = keyof ServiceNames extends never
  ? Readonly<Record<string, Service>>
  : { readonly [Name in keyof ServiceNames]: Service };

/** Lines in the log of the gateway, with the trace of the request. */
export interface CodeLog {
  info(message: string, details?: Readonly<Record<string, unknown>>): void;
  warn(message: string, details?: Readonly<Record<string, unknown>>): void;
  error(message: string, details?: Readonly<Record<string, unknown>>): void;
}

/** What `c.get(name)` and `c.var` have; a policy may add names of its own for those inside it. */
export interface CodeVariables<Settings = Readonly<Record<string, unknown>>> {
  identity: CallerIdentity;
  route: MatchedRoute;
  /** What the document says in `with`, as the code's own schema has made it. */
  settings: Settings;
  request: OutgoingRequest;
  services: Services;
  log: CodeLog;
}

export interface CodeEnv<Settings = Readonly<Record<string, unknown>>> {
  Bindings: Record<string, never>;
  // biome-ignore lint/suspicious/noExplicitAny: what policies leave for each other is their own affair
  Variables: CodeVariables<Settings> & Record<string, any>;
}

export type CodeContext<Settings = Readonly<Record<string, unknown>>> = Context<CodeEnv<Settings>>;

/** Of https://standardschema.dev, which zod and others are: what settings are checked by. */
export interface SettingsSchema<Output = unknown> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SettingsResult<Output> | Promise<SettingsResult<Output>>;
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
  };
}

export type SettingsResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SettingsIssue[] };

export interface SettingsIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

type SettingsOf<Schema extends SettingsSchema> = NonNullable<Schema["~standard"]["types"]>["output"];
type Run<Settings> = MiddlewareHandler<CodeEnv<Settings>>;
type Answer<Settings> = (c: CodeContext<Settings>) => Response | Promise<Response>;

/** What marks the default export of a file; plain Hono middleware has no mark and is a policy. */
export interface CodeMark {
  readonly kind: "policy" | "handler";
  readonly settings?: SettingsSchema;
}

export interface Marked {
  readonly selvage: CodeMark;
}

/**
 * Middleware of a route: it answers by returning a response, changes `c.get("request")` before `await next()`, or `c.res` after it.
 * @param settings schema of what the document says in `with`
 */
export function definePolicy(run: Run<Readonly<Record<string, unknown>>>): typeof run & Marked;
export function definePolicy<Schema extends SettingsSchema>(
  settings: Schema,
  run: Run<SettingsOf<Schema>>,
): typeof run & Marked;
export function definePolicy(first: unknown, second?: unknown): unknown {
  return marked("policy", first, second);
}

/**
 * What answers a route instead of an upstream.
 * @param settings schema of what the document says in `with`
 */
export function defineHandler(answer: Answer<Readonly<Record<string, unknown>>>): typeof answer & Marked;
export function defineHandler<Schema extends SettingsSchema>(
  settings: Schema,
  answer: Answer<SettingsOf<Schema>>,
): typeof answer & Marked;
export function defineHandler(first: unknown, second?: unknown): unknown {
  return marked("handler", first, second);
}

function marked(kind: CodeMark["kind"], first: unknown, second: unknown): unknown {
  const run = (second ?? first) as (...args: unknown[]) => unknown;
  const mark = { kind, ...(second !== undefined && { settings: first }) };
  return Object.assign((...args: unknown[]) => run(...args), { selvage: mark });
}
