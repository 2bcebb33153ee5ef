/** A document to look at, with the places of its lines: a file, or the live version. */
import { checkDocument } from "../shared/config/check-document.ts";
import { loadDocument, type PositionMap } from "../shared/config/load.ts";
import type { Path, ProblemCode } from "../shared/config/problem.ts";
import type { Document } from "../shared/config/schema.ts";
import type { ArtifactTable } from "../shared/wire/artifacts.ts";
import { CliError, exitCodes } from "./cli-error.ts";
import type { ControlOptions } from "./find-system.ts";
import { connect } from "./options.ts";
import { fileName, readValidDocument } from "./read-document.ts";

export interface LocatedDocument {
  readonly document: Document;
  readonly positions: PositionMap;
  readonly file: string;
  readonly artifacts: ArtifactTable;
  /** Absent: what the plan needs beside it is not at hand. */
  readonly artifactBytes?: ReadonlyMap<string, Uint8Array>;
  /** Absent: a file that is not live. */
  readonly version?: number;
}

/**
 * @param file absent: the live version
 * @param unsaid problems of a file that the caller tells of itself
 * @throws CliError when it cannot be read, or nothing is live
 */
export function locateDocument(
  options: ControlOptions,
  file: string | undefined,
  unsaid?: ProblemCode,
): Promise<LocatedDocument> {
  return file === undefined ? liveDocument(options) : documentIn(file, unsaid);
}

async function documentIn(name: string, unsaid: ProblemCode | undefined): Promise<LocatedDocument> {
  const { document, positions, file, artifacts } = await readValidDocument(name, process.env, false, unsaid);
  return { document, positions, file, artifacts: artifacts.table, artifactBytes: artifacts.bytes };
}

async function liveDocument(options: ControlOptions): Promise<LocatedDocument> {
  const { version } = await connect(options).status();
  if (version === 0)
    throw new CliError(exitCodes.findings, "nothing is live yet: apply a document, or name one with --file");
  return locateVersion(options, version);
}

/**
 * A version of the control plane. The text is loaded for its positions only; what decides is the document as it was applied.
 * @throws CliError when there is none of that number, or this release cannot read it
 */
export async function locateVersion(options: ControlOptions, version: number): Promise<LocatedDocument> {
  const detail = await connect(options).version(version);
  const { document } = checkDocument(detail.document);
  if (document === undefined)
    throw new CliError(
      exitCodes.usage,
      `version ${version} was made by another release of Selvage and cannot be read by this one`,
    );
  return {
    document,
    positions: loadDocument(detail.source, detail.file, () => "").positions,
    file: detail.file,
    artifacts: detail.artifacts ?? {},
    version,
  };
}

/** `selvage.yaml:12`; without a path `built in`. */
export function placeOf(path: Path | undefined, { positions, file }: LocatedDocument): string {
  if (path === undefined) return "built in";
  const { line, file: included } = positions.find(path, "key");
  return `${fileName(file, included)}:${line}`;
}

/** `selvage.yaml` or `version 7`, for people. */
export function sourceName({ version, file }: LocatedDocument): string {
  return version === undefined ? file : `version ${version}`;
}
