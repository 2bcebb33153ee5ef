import type { DirectAnswer } from "../../../shared/policy/direct-answer.ts";
import { redirectLocation } from "../../../shared/route/redirect-location.ts";
import type { Context } from "../upstream/context.ts";
import { markAnswer } from "../upstream/edited-answer.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";
import { requestFacts } from "../upstream/request-facts.ts";
import { secretsOf, withSecretCode } from "../upstream/secrets.ts";
import type { Stage } from "../upstream/stages.ts";

/** Answers itself where the route says with what, or sends the client elsewhere. Other targets are left to later stages. */
export function respond(): Stage {
  return {
    enter: (c) => {
      const { target } = c.get("route");
      if (target.kind === "respond") return answerOf(c, target.answer);
      if (target.kind !== "redirect") return undefined;
      const { scheme } = c.get("connection");
      const { authority, query } = c.get("target");
      const request = { scheme, authority, path: c.get("path"), query, params: c.get("params") };
      return new Response(null, {
        status: target.to.status,
        headers: { location: redirectLocation(target.to, request) },
      });
    },
  };
}

function answerOf(c: Context<GatewayEnv>, answer: DirectAnswer): Response {
  try {
    const filled = c.get("held").reshaper?.answer(answer, requestFacts(c), secretsOf(c.env));
    if (filled === undefined) throw new Error("a plan with own answers is held without what makes them");
    const { status, fields, text } = filled;
    const headers = new Headers(fields.map(([name, value]): [string, string] => [name, value]));
    if (answer.by !== undefined) markAnswer(headers, answer.by);
    return new Response(c.req.raw.method === "HEAD" ? null : text, { status, headers });
  } catch (cause) {
    throw withSecretCode(cause, "none");
  }
}
