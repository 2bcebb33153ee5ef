import { CORS_OWNED, corsFields, preflightFields, preflightOf } from "../../../shared/policy/cors.ts";
import { answerHeaders } from "../upstream/answer-headers.ts";
import type { Stage } from "../upstream/stages.ts";

/** Answers preflights itself, without credentials, and marks every other answer, also refusals. */
export function cors(): Stage {
  return {
    enter: (c) => {
      const settings = c.get("held").plan.cors;
      if (settings === undefined) return undefined;
      const head = c.get("head");
      const preflight = preflightOf(c.req.raw.method, (name) => head.get(name));
      if (preflight === undefined) return undefined;
      return new Response(null, { status: 204, headers: preflightFields(settings, preflight).map(([a, b]) => [a, b]) });
    },
    leave: (c) => {
      const settings = c.get("held").plan.cors;
      if (settings === undefined) return;
      const headers = answerHeaders(c);
      for (const name of CORS_OWNED) headers.delete(name);
      for (const [name, value] of corsFields(settings, c.get("head").get("origin")))
        if (name === "vary") headers.append(name, value);
        else headers.set(name, value);
    },
  };
}
