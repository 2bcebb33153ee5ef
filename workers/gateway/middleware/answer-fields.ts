import { answerHeaders } from "../upstream/answer-headers.ts";
import type { Stage } from "../upstream/stages.ts";

/**
 * Adds what inner stages have to say to the client beside whatever the answer turned out to be, also a refusal. What they say
 * of storing it stands alone: a service's word to certain caches (RFC 9213) would count for more than a general `no-store`.
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

function dropStoring(headers: Headers): void {
  const names = [...headers.keys()].filter((name) => /(^|-)cache-control$/.test(name) || name === "surrogate-control");
  for (const name of names) headers.delete(name);
}
