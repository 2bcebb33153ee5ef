/**
 * Consistent hashing by the highest random weight (rendezvous): each key ranks all endpoints, the first one gets it. When an
 * endpoint leaves, only its own keys move, each to the next of its own ranking; no table is kept.
 */
import { limits } from "../limits.ts";

/** 32 bits of a text (FNV-1a, then mixed). Instances and keys are hashed alike. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  const length = Math.min(text.length, limits.balance.hashCharsMax);
  for (let at = 0; at < length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return mix(hash);
}

/**
 * Rank of an endpoint for a key among those of the same weight: the highest takes it.
 * @param endpoint hash of its name
 */
export function rankFor(key: number, endpoint: number): number {
  return mix(key ^ endpoint);
}

/** The same among those of any weight: -weight / ln(u), so that shares are as the weights. */
export function weightedRankFor(key: number, endpoint: number, weight: number): number {
  return -weight / Math.log((rankFor(key, endpoint) + 0.5) / 0x100000000);
}

/** Finalizer that lets every bit of the input change half of those of the output. */
function mix(value: number): number {
  let hash = value >>> 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
