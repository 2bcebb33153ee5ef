/** Which of two versions a request is decided by, before anything else of it is: by a header that asks for it, else by share. */
import { limits } from "../limits.ts";
import { hashText } from "./rendezvous.ts";

/** By what clients stay on one side. `ip`: their address; `trace`: each trace apart; or a field's value, such as their credential. */
export type CanaryKey = "ip" | "trace" | { readonly header: string };

export interface CanaryChoice {
  readonly version: number;
  /** Of `limits.canary.sharesMax` requests. */
  readonly share: number;
  readonly by: CanaryKey;
  /** Requests with this field get it whatever the share. */
  readonly match?: { readonly header: string; readonly value: string } | undefined;
}

export interface CanaryRequest {
  /** Value of a field by its lower-case name. */
  readonly header: (name: string) => string | undefined;
  /** Address of the client, as the stable version trusts proxies; undefined: nobody knows it. */
  readonly clientIp: string | undefined;
  readonly traceId: string;
}

/**
 * Whether the canary decides. Who has it at one share has it at all larger ones; another version picks other clients. What has
 * no key goes by its trace.
 */
export function choosesCanary({ version, share, by, match }: CanaryChoice, request: CanaryRequest): boolean {
  if (match !== undefined && request.header(match.header) === match.value) return true;
  if (share <= 0) return false;
  if (share >= limits.canary.sharesMax) return true;
  const key = typeof by === "object" ? request.header(by.header) : by === "ip" ? request.clientIp : undefined;
  const point = hashText(`${version}\n${key ?? request.traceId}`) / 0x100000000;
  return point < share / limits.canary.sharesMax;
}
