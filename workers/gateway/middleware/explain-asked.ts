import { EXPLAIN, EXPLAINED } from "../../../shared/http/header-names.ts";
import { records } from "../../../shared/limits/records.ts";
import { answerHeaders } from "../upstream/answer-headers.ts";
import type { Stage } from "../upstream/stages.ts";

/**
 * Tells an operator who shows a token for it what is decided about a request (`shared/wire/explain-token.ts`). To all others the
 * field is one that ends here. What checks tokens is loaded by the first.
 */
export function explainAsked(): Stage {
  return {
    enter: (c) => {
      const token = c.get("head").get(EXPLAIN);
      if (token === undefined || token.length > records.explainTokenCharsMax) return undefined;
      return import("../telemetry/tell-explained.ts").then(({ believeExplain }) => believeExplain(c, token));
    },
    leave: (c) => {
      // Whoever asked for it would believe what an upstream says by that field.
      const isForged = c.get("head").has(EXPLAIN) && c.get("explained") === undefined && c.res.status !== 101;
      if (isForged && c.res.headers.has(EXPLAINED)) answerHeaders(c).delete(EXPLAINED);
    },
  };
}
