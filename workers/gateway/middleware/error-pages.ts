import { grpcCallOf } from "../../../shared/http/grpc-answer.ts";
import { anonymous } from "../../../shared/identity/identity.ts";
import { pageFor } from "../../../shared/policy/error-pages.ts";
import type { RequestFacts } from "../../../shared/policy/reshape-scope.ts";
import type { Context } from "../upstream/context.ts";
import { markAnswer } from "../upstream/edited-answer.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";
import type { Stage } from "../upstream/stages.ts";

/** The document's pages instead of problem documents and of what upstreams say of their errors. */
export function errorPages(): Stage {
  return {
    leave: (c) => {
      const route: GatewayEnv["Variables"]["route"] | undefined = c.get("route");
      const { plan, reshaper } = c.get("held");
      const pages = route?.errorPages ?? plan.errorPages;
      if (pages === undefined || reshaper === undefined || c.res.status < 400) return;
      const { method, headers } = c.req.raw;
      // They have a form of their own.
      if (grpcCallOf(method, headers.get("content-type")) !== undefined) return;
      const failure = c.get("failure");
      // What the document says itself is no upstream's word.
      if (failure === undefined && route?.target.kind === "respond") return;
      const { status } = c.res;
      const page = pageFor(pages, { status, ...(failure !== undefined && { code: failure.code }) });
      if (page === undefined) return;
      const { title, detail } = failure?.facts ?? {};
      const filled = reshaper.page(page, { status, title, detail, code: failure?.code }, factsOf(c));
      if (filled === undefined) return;
      replaceBody(c, filled.contentType, filled.text);
      if (page.by !== undefined) markAnswer(c.res.headers, page.by);
    },
  };
}

/** Of a request that no route took there is neither an identity nor a parameter. */
function factsOf(c: Context<GatewayEnv>): RequestFacts {
  const { host, path, query } = c.get("target");
  const { traceId, spanId } = c.get("trace");
  return {
    identity: anonymous,
    params: {},
    method: c.req.raw.method,
    host,
    path,
    query,
    scheme: c.get("scheme"),
    clientIp: c.get("clientIp"),
    spanId,
    traceId,
    fields: c.get("head"),
  };
}

/** Fields that say something of the content that was there. */
const OF_CONTENT = [
  "content-length",
  "content-encoding",
  "content-range",
  "content-language",
  "content-disposition",
  "content-digest",
  "repr-digest",
  "content-md5",
  "etag",
  "last-modified",
  "accept-ranges",
];

function replaceBody(c: Context<GatewayEnv>, contentType: string, text: string): void {
  const { status, body, headers: before } = c.res;
  const headers = new Headers(before);
  for (const name of OF_CONTENT) headers.delete(name);
  headers.set("content-type", contentType);
  headers.append("vary", "accept");
  void body?.cancel().catch(() => undefined);
  c.res = undefined;
  c.res = new Response(c.req.raw.method === "HEAD" ? null : text, { status, headers });
}
