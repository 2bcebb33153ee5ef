/** What a connection of a client is told, and where it is at. */
import type { PriorKnowledge } from "../listener.ts";

export interface ConnectionSettings {
  readonly proxy: boolean;
  readonly allowHalfClose: boolean;
  /** What clients may speak instead, on a connection or within a tunnel; undefined: nothing. */
  readonly prior: PriorKnowledge | undefined;
  readonly headTimeoutMs: number;
  readonly keepAliveMs: number;
  readonly stallTimeoutMs: number;
  readonly lingerMs: number;
}

export type Phase =
  /** Between requests, or in a head. */
  | "head"
  | "exchange"
  /** The answer is out, the rest of the request's body is thrown away. */
  | "discard"
  /** Another protocol is spoken. */
  | "tunnel"
  /** Our side is closed; what still comes is not looked at. */
  | "linger"
  | "closed";
