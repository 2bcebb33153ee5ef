/** What code calls: targets that its route names, by the same way as requests that are forwarded. */
import { SelvageError } from "../../../shared/errors.ts";
import { limits } from "../../../shared/limits.ts";
import type { UpstreamTarget } from "../../../shared/policy/settings.ts";
import { fieldsForCalls } from "../upstream/fields-for-calls.ts";
import { readText } from "../upstream/read-text.ts";
import type { RequestFields } from "../upstream/request-fields.ts";
import type { CodeExchange } from "./code-exchange.ts";
import type { CallInit, Service, Services } from "./policy.ts";

/** The client of a route's `calls`; whatever else is asked for throws, and says what there is. */
export function servicesFor(exchange: CodeExchange): Services {
  const { calls = {} } = exchange.c.get("route");
  const services = Object.entries(calls).map(([name, target]) => [name, serviceOf(exchange, name, target)] as const);
  const known = Object.keys(calls).join(", ") || "nothing";
  return new Proxy(Object.fromEntries(services), {
    get(all, name) {
      if (typeof name !== "string") return undefined;
      if (Object.hasOwn(all, name)) return all[name];
      throw new Error(`the route's code may not call ${JSON.stringify(name)}: \`calls\` names ${known}`);
    },
  }) as Services;
}

function serviceOf(exchange: CodeExchange, name: string, target: UpstreamTarget): Service {
  const call = (path: string, init: CallInit): Promise<Response> => callService(exchange, target, path, init);
  return {
    fetch: (path, init = {}) => call(path, init),
    async json<T>(path: string, init: CallInit = {}): Promise<T> {
      const answer = await call(path, { ...init, headers: { accept: "application/json", ...init.headers } });
      if (!answer.ok) {
        await answer.body?.cancel();
        throw unusable(`${name} answered ${answer.status}`);
      }
      try {
        return JSON.parse(await readText(answer, limits.gateway.partBodyBytesMax)) as T;
      } catch (cause) {
        if (cause instanceof SelvageError) throw cause;
        throw unusable(`the answer of ${name} cannot be read as JSON: ${String(cause)}`);
      }
    },
  };
}

const unusable = (reason: string): SelvageError => new SelvageError("upstream_invalid", reason, { sent: "body" });

async function callService(
  exchange: CodeExchange,
  target: UpstreamTarget,
  path: string,
  init: CallInit,
): Promise<Response> {
  const { c, caller, stop } = exchange;
  exchange.refuseLate();
  if (++exchange.calls > limits.code.callsMax)
    throw new Error(`code may make at most ${limits.code.callsMax} calls for one request`);
  checkPath(path);
  const { bytes, contentType } = contentOf(init);
  const method = methodOf(init, bytes !== null);
  const fields = fieldsFor(exchange, target);
  if (contentType !== undefined) fields.set("content-type", contentType);
  const { believed } = c.get("held");
  for (const [name, value] of Object.entries(init.headers ?? {})) {
    const fault = caller.fieldFault(name, value, believed);
    if (fault !== undefined) throw new TypeError(fault);
    fields.set(name, value);
  }
  const timeMs = init.timeoutMs ?? Number.POSITIVE_INFINITY;
  const deadlineAtMs = Math.min(c.get("deadlineAtMs"), Date.now() + timeMs);
  const sending = { target, method, path, fields, body: bytes, deadlineAtMs, signal: stop.signal };
  const { minter, shedder, upstreams } = caller;
  const [held, identity, trace] = [c.get("held"), c.get("identity"), c.get("trace")];
  const context = { env: c.env, held, identity, route: c.get("route").name, context: c.get("context"), trace, minter };
  const answer = await shedder.call(c, sending, (shed) =>
    caller.callTarget(c, { ...sending, ...shed }, context, upstreams),
  );
  return caller.withoutEnding(answer);
}

const DOT_SEGMENT = /\/(?:\.|%2e){1,2}(?:\/|;|%3b|$)/i;

/** Code makes paths of what clients say, and a path that leads up leads out of where the target begins. @throws TypeError */
function checkPath(path: string): void {
  if (!/^\/[^\s#\p{Cc}]*$/u.test(path)) throw new TypeError(`${JSON.stringify(path)} is no path: it begins with /`);
  const [place = ""] = path.split("?", 1);
  if (place.includes("\\") || DOT_SEGMENT.test(place))
    throw new TypeError(`${JSON.stringify(path)} leads elsewhere: it has a \\, or a . or .. segment`);
}

/** Services of the mesh get what parts of composed answers get; what is outside gets the gateway's own word, and none of the client's. */
function fieldsFor({ c, caller }: CodeExchange, target: UpstreamTarget): RequestFields {
  const given = fieldsForCalls(c.get("fields"));
  if ("service" in target) return given;
  const { identityHeaders = [] } = c.get("held").plan;
  for (const [name] of [...given])
    if (!OUTSIDE.has(name) && !caller.isForgeable(name) && !identityHeaders.includes(name)) given.delete(name);
  return given;
}

const OUTSIDE: ReadonlySet<string> = new Set(["tracestate", "accept", "accept-language"]);

interface CallContent {
  readonly bytes: Uint8Array | ReadableStream | null;
  readonly contentType?: string;
}

function contentOf({ body = null, json }: CallInit): CallContent {
  if (json !== undefined)
    return { bytes: new TextEncoder().encode(JSON.stringify(json)), contentType: "application/json" };
  if (typeof body === "string")
    return { bytes: new TextEncoder().encode(body), contentType: "text/plain;charset=UTF-8" };
  if (body instanceof URLSearchParams)
    return { bytes: new TextEncoder().encode(String(body)), contentType: "application/x-www-form-urlencoded" };
  if (body === null || body instanceof Uint8Array || body instanceof ReadableStream) return { bytes: body };
  throw new TypeError("a body is a text, bytes, a stream or parameters; `json` takes any value");
}

function methodOf({ method }: CallInit, hasContent: boolean): string {
  const said = method?.toUpperCase() ?? (hasContent ? "POST" : "GET");
  if (!/^[A-Z-]{1,32}$/.test(said) || ["CONNECT", "TRACE", "TRACK"].includes(said))
    throw new TypeError(`${JSON.stringify(method)} is no method that can be called`);
  if (hasContent && (said === "GET" || said === "HEAD")) throw new TypeError(`${said} has no content`);
  return said;
}
