/** Finds the files that a document includes, and makes one text of all of them. */
import { readdirSync } from "node:fs";
import path from "node:path";
import { parseDocument } from "yaml";
import { fitsGlob, joinFiles } from "../shared/config/document-files.ts";
import { limits } from "../shared/limits.ts";
import { CliError, exitCodes } from "./cli-error.ts";

/**
 * @param source of the main file
 * @param name its path; `-` for stdin
 * @param readText a file's text, or what is wrong with it thrown
 * @returns the text to load and to send
 */
export function withIncluded(source: string, name: string, readText: (name: string) => string): string {
  const patterns = includePatterns(source);
  if (patterns.length === 0) return source;
  if (name === "-")
    throw new CliError(exitCodes.usage, "`include` finds files beside the document: give it as a file, not on stdin");
  const folder = path.dirname(path.resolve(name));
  const found = [...new Set(patterns.flatMap((pattern) => find(folder, pattern)))].sort();
  if (found.length > limits.include.filesMax)
    throw new CliError(exitCodes.usage, `${name} includes more than ${limits.include.filesMax} files`);
  const files = found.map((file) => ({ name: file, text: readText(path.join(folder, file)) }));
  const joined = joinFiles([{ name: "", text: source }, ...files]);
  if (joined === undefined)
    throw new CliError(exitCodes.usage, `a file of ${name} has a line that begins with "--- # selvage: file"`);
  return joined;
}

/** What a document includes. What is no list of texts here is found wrong when the document is checked. */
export function includePatterns(source: string): string[] {
  if (!/^["']?include["']?\s*:|"include"\s*:/m.test(source)) return [];
  const tree = parseDocument(source, { prettyErrors: false, uniqueKeys: false, logLevel: "silent" });
  if (tree.errors.length > 0) return [];
  const value: unknown = tree.toJS({ maxAliasCount: 100 });
  const { include } = (typeof value === "object" && value !== null ? value : {}) as { include?: unknown };
  return [include].flat().filter((pattern) => typeof pattern === "string" && isInside(pattern)) as string[];
}

/** Nothing above or beside the folder of the document; what else is wrong with a pattern `check` says. */
function isInside(pattern: string): boolean {
  return !path.isAbsolute(pattern) && !pattern.includes("\\") && !pattern.split("/").includes("..");
}

/** Names below the folder, with `/`. Links are not followed. */
function find(folder: string, pattern: string): string[] {
  const steps = pattern.split("/");
  let found = [""];
  for (const [depth, step] of steps.entries()) {
    const isLast = depth === steps.length - 1;
    found = found.flatMap((below) =>
      entriesOf(path.join(folder, below))
        .filter((entry) => (isLast ? entry.isFile() : entry.isDirectory()) && fitsGlob(step, entry.name))
        .filter((entry) => step.startsWith(".") || !entry.name.startsWith("."))
        .filter((entry) => !/[\r\n]/.test(entry.name))
        .map((entry) => (below === "" ? entry.name : `${below}/${entry.name}`)),
    );
  }
  return found;
}

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}
