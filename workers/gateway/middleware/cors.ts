import { corsFields, preflightFields } from "../../../shared/policy/cors.ts";
import { answerHeaders } from "../upstream/answer-headers.ts";
import type { Stage } from "../upstream/stages.ts";

/** Answers preflights itself, without credentials, and marks every other answer, also refusals. */
export function cors(): Stage {
  return {
    enter: (c) => {
      const settings = c.get("held").plan.cors;
      if (settings === undefined) return undefined;
      const head = c.get("head");
      const origin = head.get("origin");
      const method = c.req.raw.method === "OPTIONS" ? head.get("access-control-request-method") : undefined;
      if (origin === undefined || method === undefined) return undefined;
      const preflight = { origin, method, headers: head.get("access-control-request-headers") };
      return new Response(null, { status: 204, headers: preflightFields(settings, preflight).map(([a, b]) => [a, b]) });
    },
    leave: (c) => {
      const settings = c.get("held").plan.cors;
      if (settings === undefined) return;
      const headers = answerHeaders(c);
      // The upstream's own say on this would be a second one.
      for (const name of OWNED) headers.delete(name);
      for (const [name, value] of corsFields(settings, c.get("head").get("origin")))
        if (name === "vary") headers.append(name, value);
        else headers.set(name, value);
    },
  };
}

const OWNED = ["access-control-allow-origin", "access-control-allow-credentials", "access-control-expose-headers"];
