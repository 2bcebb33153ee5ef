import type { TxnContext } from "../auth/txn-context.ts";
import type { Identity } from "../identity/identity.ts";
import type { Priority } from "../policy/load-shedding.ts";
import type { KnownArtifacts } from "./known-artifacts.ts";
import type { RegexRewrite } from "./plan.ts";

/** What reaches the target, after the gateway's own changes. */
export interface Forwarded {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly params: Readonly<Record<string, string>>;
  readonly scopes: readonly string[];
  readonly identity: Identity;
  readonly route: string;
  /** What the transaction token says beside it. */
  readonly context?: TxnContext["values"] | undefined;
  readonly priority: Priority;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
  header(name: string): string | undefined;
  rewrite(rewrite: RegexRewrite, path: string): string;
  /** Descriptors by digest, as far as they are at hand. */
  readonly artifacts?: KnownArtifacts | undefined;
}
