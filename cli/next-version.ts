import type { Path } from "../shared/config/problem.ts";
import type { QuarantinedRoute } from "../shared/config/quarantine.ts";
import type { Document } from "../shared/config/schema.ts";
import type { Artifacts } from "./artifacts/build-artifacts.ts";

/** What a file would make live. */
export interface NextVersion {
  readonly document: Document;
  readonly source: string;
  readonly file: string;
  /** Digests by what they are in the document. */
  readonly table: Artifacts["table"];
  /** Absent: the control plane has them all. */
  readonly artifacts?: Artifacts;
  readonly quarantined: readonly QuarantinedRoute[];
  /** `file:line:column` of a place. */
  place(path: Path): string;
}
