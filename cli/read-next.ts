/** Reads what a file would make live: it is a whole document, or an owner's file of the live one. */
import type { Path } from "../shared/config/problem.ts";
import type { VersionDetail } from "../shared/wire/admin.ts";
import type { NextVersion } from "./next-version.ts";
import { isOwnFile, nextOfOwnFile } from "./own-file.ts";
import { fileName, readSource, readValidDocument } from "./read-document.ts";

/** A whole document; undefined: the file is an owner's. @throws CliError after all problems were said */
export async function readAlone(name: string, quarantine = false): Promise<NextVersion | undefined> {
  if (name !== "-" && isOwnFile(readSource(name))) return undefined;
  const read = await readValidDocument(name, process.env, quarantine);
  const { document, source, file, quarantined, artifacts, positions } = read;
  const place = (path: Path): string => {
    const { file: included, line, column } = positions.find(path);
    return `${fileName(file, included)}:${line}:${column}`;
  };
  return { document, source, file, table: artifacts.table, artifacts, quarantined, place };
}

/**
 * @param live what the file of an owner is a part of
 * @throws CliError after all problems were said
 */
export async function readNext(
  name: string,
  live: VersionDetail | undefined,
  quarantine = false,
): Promise<NextVersion> {
  return (await readAlone(name, quarantine)) ?? nextOfOwnFile(name, readSource(name), live);
}
