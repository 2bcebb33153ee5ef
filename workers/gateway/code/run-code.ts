/** Runs the user's own code: a thin bridge between the stages and Hono. Loaded by the first request of a route that has some. */
import type { MiddlewareHandler } from "hono";
import { DIGESTS } from "../../../shared/http/content-kind.ts";
import type { HandlerTarget } from "../../../shared/policy/custom-code.ts";
import { askForReadable } from "../upstream/ask-for-readable.ts";
import type { Context } from "../upstream/context.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";
import { type CodeChain, chainOf, exchangeOf, exchanges } from "./code-chain.ts";
import { type CodeCaller, CodeExchange } from "./code-exchange.ts";
import { requestFor } from "./code-request.ts";
import type { CodeEnv } from "./policy.ts";

type Exchange = Context<GatewayEnv>;

/**
 * The policies of a route around the stages inside them.
 * @param next those stages; they end when they have made the answer
 * @returns the answer; undefined: it stands in the context, since those inside have made one before
 * @throws SelvageError code_failed, code_timeout, and whatever a call of the code ended with
 */
export async function runPolicies(
  c: Exchange,
  caller: CodeCaller,
  next: () => Promise<unknown>,
): Promise<Response | undefined> {
  const { policies = [] } = c.get("route");
  const exchange = new CodeExchange(c, caller, next);
  askForReadable(c);
  const made = await exchange.run(async () =>
    answerOf(await send(await chainOf(policies, policies, "policy", exchange, goOn), exchange), exchange),
  );
  if (exchange.inner === undefined) return made;
  // Whatever is wrong with it from here on may be the code's doing.
  c.set("takeBack", undefined);
  c.res = made;
  return undefined;
}

/**
 * The answer of a route's handler.
 * @throws as `runPolicies`
 */
export async function runHandler(c: Exchange, caller: CodeCaller, target: HandlerTarget): Promise<Response> {
  const exchange = new CodeExchange(c, caller);
  const { code } = target;
  return exchange.run(async () =>
    answerOf(await send(await chainOf(code, [code], "handler", exchange), exchange), exchange),
  );
}

/** RFC 9110 section 15.2.2. */
const SWITCHING = 101;
/** Variables of each request, which are no values that policies leave. */
const OWN_VARIABLES = new Set(["identity", "route", "request", "services", "settings", "log"]);

const goOn: MiddlewareHandler<CodeEnv> = async (hono) => {
  const exchange = exchangeOf(hono.req.raw);
  const left = Object.entries(hono.var).filter(([name]) => !OWN_VARIABLES.has(name));
  if (left.length > 0) exchange.c.set("codeValues", Object.fromEntries(left));
  const answer = await exchange.pass();
  // A copy: an answer of the platform's own may not be changed.
  exchange.inner = answer.status === SWITCHING ? answer : new Response(answer.body, answer);
  return exchange.inner;
};

function send(app: CodeChain, exchange: CodeExchange): Response | Promise<Response> {
  const request = requestFor(exchange);
  exchanges.set(request, exchange);
  const { executionCtx } = exchange.c;
  // Nothing else of it is for code: it leads to the Worker's own entrypoints.
  const context = {
    waitUntil: (work: Promise<unknown>) => executionCtx.waitUntil(work),
    passThroughOnException: () => undefined,
    props: {},
  };
  return app.fetch(request, {}, context);
}

/** What code has made, as an answer of the gateway. */
function answerOf(made: unknown, exchange: CodeExchange): Response {
  if (!(made instanceof Response)) throw new Error("the code has returned no Response");
  const { inner } = exchange;
  // A WebSocket is not for code: whose answer it is, and what it says, stays.
  if (inner?.status === SWITCHING) return inner;
  const { status, webSocket } = made;
  if (status < 200 || status > 599 || webSocket) throw new Error(`code cannot answer with status ${status}`);
  if (made.bodyUsed) throw new Error("the answer's content was read and nothing was put in its place");
  const answer = new Response(made.body, made);
  if (inner !== undefined && exchange.hasReplaced) replaceContent(exchange, answer, inner);
  exchange.caller.dropEnding(answer.headers);
  return answer;
}

/** What was said of the content before is not true of other content, unless code says it anew. */
function replaceContent({ c }: CodeExchange, { headers }: Response, inner: Response): void {
  for (const name of ["content-length", "content-encoding", "accept-ranges", "etag", ...DIGESTS])
    if (headers.get(name) === inner.headers.get(name)) headers.delete(name);
  if (!inner.bodyUsed && inner.body?.locked === false) void inner.body.cancel().catch(() => undefined);
  // The answer is the code's own now, whatever became of the request inside.
  c.set("failure", undefined);
}
