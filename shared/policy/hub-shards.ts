/** Which hub holds the socket of an agent. */
import { hashText, rankFor } from "./rendezvous.ts";

/**
 * By the highest rank, so that with one more hub only its own share of the agents moves.
 * @param key of the instance @param count hubs, at least 1
 * @returns from 0, below `count`
 */
export function hubOf(key: string, count: number): number {
  const hash = hashText(key);
  let best = 0;
  let bestRank = -1;
  for (let hub = 0; hub < count; hub++) {
    const rank = rankFor(hash, hashText(`hub ${hub}`));
    if (rank <= bestRank) continue;
    best = hub;
    bestRank = rank;
  }
  return best;
}
