/** What `selvage check` tells, wherever it was found: in a document, or in what runs. */
import { fixOf } from "../../shared/config/code-frame.ts";
import type { Ignore } from "../../shared/config/ignores.ts";
import { placeName } from "../../shared/config/place-name.ts";
import { type DocumentProblem, type ProblemCode, problemCodes } from "../../shared/config/problem.ts";
import { fileName, type LoadedFile } from "../read-document.ts";

export interface Finding {
  readonly code: ProblemCode;
  readonly severity: "error" | "warning";
  /** One sentence. */
  readonly message: string;
  /** What the code means. */
  readonly meaning: string;
  /** Where in the document, or in what runs, by names: `routes.orders.timeout`, `agents.orders/pod-1`. */
  readonly place: string;
  /** Absent, as what follows: it is of no file. `line` and `column` begin at 1. */
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
  /** Characters on that line. */
  readonly length?: number;
  /** What to do, or to write instead. */
  readonly fix?: string;
  /** Somebody said that it is meant. `reason` is absent where none was given. */
  readonly ignored?: { readonly inDocument: boolean; readonly reason?: string };
}

/** @param file of the document, as a person would write it; absent: it stands in none */
export function findingOf(problem: DocumentProblem, document: unknown, file: string | undefined): Finding {
  const { code, severity, message, line, column, length } = problem;
  const fix = fixOf(problem);
  return {
    ...{ code, severity, message, meaning: problemCodes[code], place: placeName(document, problem.path) },
    ...(file !== undefined && { file: fileName(file, problem.file) }),
    ...(line !== undefined && { line }),
    ...(column !== undefined && { column }),
    ...(length !== undefined && { length }),
    ...(fix !== undefined && { fix }),
  };
}

/** Everything that was found in a document, what is ignored last. */
export function findingsIn({ problems, ignored = [], document, file }: LoadedFile): Finding[] {
  return [
    ...problems.map((problem) => findingOf(problem, document, file)),
    ...ignored.map(({ problem, ignore }) => ({
      ...findingOf(problem, document, file),
      ignored: ignoredBy(ignore),
    })),
  ];
}

export function ignoredBy({ reason, place }: Ignore): NonNullable<Finding["ignored"]> {
  return { inDocument: place !== undefined, ...(reason !== undefined && { reason }) };
}
