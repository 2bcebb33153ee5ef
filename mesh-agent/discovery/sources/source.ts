import type { NamedEndpoint } from "../../../shared/discovery/admit.ts";

/** What a source tells while it is asked. */
export interface SourceEar {
  /** All endpoints that there are. */
  answer(endpoints: readonly NamedEndpoint[]): void;
  /** What was told last still holds. */
  same(): void;
}

/** Somewhere that endpoints are found. */
export interface Source {
  /**
   * Asks once, or listens for as long as it goes well.
   * @returns how long to wait before it is asked again, in milliseconds
   * @throws Error with a reason for people
   */
  ask(ear: SourceEar, signal: AbortSignal): Promise<number>;
}
