/** Which files a document is made of, and whether any of them says something else than before. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import { splitFiles } from "../../shared/config/document-files.ts";
import { CliError } from "../cli-error.ts";
import { bundleCode, CodeFault, NoBundler } from "../code/bundle-code.ts";
import type { CodeSource } from "../code/check-code.ts";
import { includePatterns } from "../included-files.ts";
import { readSource } from "../read-document.ts";
import { variableFiles } from "./local-variables.ts";

export interface Sources {
  /** Of the document, absolute. */
  readonly file: string;
  /** Beside it, absolute: descriptions, descriptors, code and what that imports. */
  readonly beside: readonly string[];
}

/** Everything whose change means that the document is read again, absolute. */
export function watchedFiles({ file, beside }: Sources): string[] {
  const folder = path.dirname(file);
  return [...new Set([file, ...variableFiles(folder), ...includedBy(file), ...beside])];
}

/** Also a name in each folder that may get a file that is included. */
function includedBy(file: string): string[] {
  const folder = path.dirname(file);
  const source = textOf(file);
  if (source === undefined) return [];
  return [...splitFiles(source).map(({ name }) => name), ...includePatterns(source)]
    .filter((name) => name !== "")
    .map((name) => path.join(folder, name));
}

/** The same for the same content of all files. @returns undefined: the document is not there, or cannot be read */
export function contentOf({ file, beside }: Sources): string | undefined {
  const source = textOf(file);
  if (source === undefined) return undefined;
  const hash = createHash("sha256").update(source);
  for (const one of [...beside, ...variableFiles(path.dirname(file))].sort())
    hash.update(`\0${one}\0`).update(bytesOf(one) ?? "absent");
  return hash.digest("base64url");
}

function textOf(file: string): string | undefined {
  try {
    return readSource(file);
  } catch (fault) {
    if (!(fault instanceof CliError)) throw fault;
    return undefined;
  }
}

function bytesOf(file: string): Uint8Array | undefined {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}

export interface CodeState {
  /** The same for the same modules. */
  readonly digest: string;
  /** What they are made of, absolute. */
  readonly files: readonly string[];
}

/** @returns undefined: it cannot be bundled, which reading the document says */
export function codeState({ folder, files }: CodeSource): CodeState | undefined {
  if (files.length === 0) return { digest: "", files: [] };
  try {
    const { outputs, texts } = bundleCode(folder, {
      entryPoints: [...files],
      outdir: folder,
      write: false,
      splitting: true,
    });
    const inputs = Object.values(outputs).flatMap((output) => Object.keys(output.inputs));
    const hash = createHash("sha256");
    for (const text of texts) hash.update(text).update("\0");
    const own = inputs.filter((input) => !input.includes("node_modules/"));
    return { digest: hash.digest("base64url"), files: [...new Set(own)].map((input) => path.resolve(folder, input)) };
  } catch (fault) {
    if (fault instanceof CodeFault || fault instanceof NoBundler) return undefined;
    throw fault;
  }
}
