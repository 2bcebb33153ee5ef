import { SelvageError } from "../../../shared/errors.ts";
import { utf8Text } from "../../../shared/http/utf8-text.ts";
import { limits } from "../../../shared/limits.ts";
import type { GraphqlRefusal, GraphqlSettings, HashedRequest } from "../../../shared/policy/graphql-guard.ts";
import type { GraphqlRequest, ReadRequests } from "../../../shared/policy/graphql-request.ts";
import type { Context } from "../upstream/context.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";
import { readContent } from "../upstream/read-content.ts";
import { sha256Hex } from "../upstream/sha256.ts";
import type { Stage } from "../upstream/stages.ts";
import { noteWouldRefuse } from "../upstream/would-refuse.ts";

/**
 * Refuses what a GraphQL service is not to be asked for. It stands behind limits, so that strangers cannot make the gateway parse;
 * the parser is loaded by the first route that has it.
 */
export function guardGraphql(): Stage {
  return {
    enter: (c) => {
      const { graphql } = c.get("route");
      return graphql === undefined ? undefined : guard(c, graphql);
    },
  };
}

async function guard(c: Context<GatewayEnv>, settings: GraphqlSettings): Promise<undefined> {
  const [{ readGraphqlRequests }, { judgeGraphql }] = await Promise.all([
    import("../../../shared/policy/graphql-request.ts"),
    import("../../../shared/policy/graphql-guard.ts"),
  ]);
  const { method } = c.req.raw;
  const head = c.get("head");
  const read = readGraphqlRequests({
    method,
    query: c.get("target").query,
    contentType: head.get("content-type"),
    contentEncoding: head.get("content-encoding"),
    text: utf8Text(await readBounded(c)),
  });
  if (read.invalid !== undefined) {
    if (read.invalid === "method" && settings.shadow !== true) c.header("allow", "GET, POST");
    return refuse(c, settings, unreadable(read));
  }
  const isHashed = settings.allow !== undefined && read.requests.length <= settings.batchMax;
  const requests = isHashed ? await Promise.all(read.requests.map(hashed)) : read.requests.map(withoutHash);
  const refusal = judgeGraphql(requests, method !== "POST", settings);
  return refusal === undefined ? undefined : refuse(c, settings, refused(refusal));
}

function refuse(c: Context<GatewayEnv>, { shadow }: GraphqlSettings, error: SelvageError): undefined {
  if (shadow !== true) throw error;
  noteWouldRefuse(c, { error: error.code });
  return undefined;
}

function unreadable({ invalid, reason }: Extract<ReadRequests, { reason: string }>): SelvageError {
  const code = {
    method: "method_not_allowed",
    "media-type": "media_type_unsupported",
    content: "graphql_invalid",
  } as const;
  return new SelvageError(code[invalid], reason, {
    members: { errors: [{ message: reason, extensions: { code: "BAD_REQUEST" } }] },
  });
}

/** `errors` is where clients of GraphQL look for what is wrong. */
function refused({ code, message }: GraphqlRefusal): SelvageError {
  return new SelvageError("graphql_refused", `${code}: ${message}`, {
    members: { errors: [{ message, extensions: { code } }] },
  });
}

async function readBounded(c: Context<GatewayEnv>): Promise<Uint8Array> {
  const content = await readContent(c);
  const { contentBytesMax } = limits.graphql;
  if (content.byteLength <= contentBytesMax) return content;
  throw new SelvageError("body_too_large", `a request of GraphQL has at most ${contentBytesMax} bytes`);
}

const withoutHash = (request: GraphqlRequest): HashedRequest => ({ ...request, hash: undefined });

async function hashed(request: GraphqlRequest): Promise<HashedRequest> {
  return { ...request, hash: await sha256Hex(request.query ?? "") };
}
