import { SelvageError } from "../../../shared/errors.ts";
import { utf8Text } from "../../../shared/http/utf8-text.ts";
import { limits } from "../../../shared/limits.ts";
import type { CounterState } from "../../../shared/policy/counters.ts";
import type { GraphqlRefusal, GraphqlSettings, HashedRequest } from "../../../shared/policy/graphql-guard.ts";
import type { GraphqlRequest, ReadRequests } from "../../../shared/policy/graphql-request.ts";
import type { Context } from "../upstream/context.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";
import { readContent } from "../upstream/read-content.ts";
import { sha256Hex } from "../upstream/sha256.ts";
import type { Stage } from "../upstream/stages.ts";
import { notePassed, noteWouldRefuse } from "../upstream/would-refuse.ts";

const { contentBytesMax } = limits.graphql;

/**
 * Refuses what a GraphQL service is not to be asked for. It stands behind limits, so that strangers cannot make the gateway parse;
 * the parser is loaded by the first route that has it.
 */
export function guardGraphql(counters: CounterState): Stage {
  return {
    enter: (c) => {
      const { graphql } = c.get("route");
      return graphql === undefined ? undefined : guard(c, graphql, counters);
    },
  };
}

async function guard(c: Context<GatewayEnv>, settings: GraphqlSettings, counters: CounterState): Promise<undefined> {
  const [{ readGraphqlRequests }, { judgeGraphql }] = await Promise.all([
    import("../../../shared/policy/graphql-request.ts"),
    import("../../../shared/policy/graphql-guard.ts"),
  ]);
  const { method } = c.req.raw;
  const head = c.get("head");
  // Nobody is refused in shadow for what the gateway would have to hold.
  if (settings.shadow === true && Number(head.get("content-length")) > contentBytesMax)
    return refuse(c, settings, tooLarge(), counters);
  const content = await readContent(c);
  if (content.byteLength > contentBytesMax) return refuse(c, settings, tooLarge(), counters);
  const read = readGraphqlRequests({
    method,
    query: c.get("target").query,
    contentType: head.get("content-type"),
    contentEncoding: head.get("content-encoding"),
    text: utf8Text(content),
  });
  if (read.invalid !== undefined) {
    if (read.invalid === "method" && settings.shadow !== true) c.header("allow", "GET, POST");
    return refuse(c, settings, unreadable(read), counters);
  }
  const isHashed = settings.allow !== undefined && read.requests.length <= settings.batchMax;
  const requests = isHashed ? await Promise.all(read.requests.map(hashed)) : read.requests.map(withoutHash);
  const refusal = judgeGraphql(requests, method !== "POST", settings);
  if (refusal !== undefined) return refuse(c, settings, refused(refusal), counters);
  if (settings.shadow === true) notePassed(c, counters, "graphql");
  return undefined;
}

function refuse(
  c: Context<GatewayEnv>,
  { shadow }: GraphqlSettings,
  error: SelvageError,
  counters: CounterState,
): undefined {
  if (shadow !== true) throw error;
  noteWouldRefuse(c, counters, { policy: "graphql", error: error.code });
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

const tooLarge = (): SelvageError =>
  new SelvageError("body_too_large", `a request of GraphQL has at most ${contentBytesMax} bytes`);

const withoutHash = (request: GraphqlRequest): HashedRequest => ({ ...request, hash: undefined });

async function hashed(request: GraphqlRequest): Promise<HashedRequest> {
  return { ...request, hash: await sha256Hex(request.query ?? "") };
}
