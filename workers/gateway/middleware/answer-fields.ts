import { answerHeaders, dropStoring } from "../upstream/answer-headers.ts";
import type { Stage } from "../upstream/stages.ts";

/**
 * Adds what inner stages have to say to the client beside whatever the answer turned out to be, also a refusal. What they say
 * of storing it stands alone.
 */
export function answerFields(): Stage {
  return {
    leave: (c) => {
      const told = c.get("answerFields");
      if (told === undefined) return;
      const headers = answerHeaders(c);
      for (const [name, value] of told) {
        if (name === "cache-control") dropStoring(headers);
        headers.append(name, value);
      }
    },
  };
}
