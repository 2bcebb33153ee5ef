import { readFileSync, realpathSync, statSync } from "node:fs";
import path from "node:path";
import { limits } from "../../shared/limits.ts";

/** Why a file beside a document cannot be used; the message says it to its writer. */
export class FileFault extends Error {}

/**
 * A reader of files beside a document, by names with `/` that are relative to its folder.
 * @param document its path; `-` for stdin, beside which there are no files
 * @returns bytes of a file @throws FileFault for what is not there, is too large, or lies outside of the folder, also by a link
 */
export function documentFolder(document: string): (name: string) => Uint8Array {
  return (name) => {
    if (document === "-") throw new FileFault("files are found beside the document: give it as a file, not on stdin");
    const folder = path.dirname(path.resolve(document));
    if (path.isAbsolute(name) || name.includes("\\") || name.includes("\0"))
      throw new FileFault(`${name}: a name relative to the folder of the document, with /, is expected`);
    const file = path.resolve(folder, name);
    try {
      const [top, found] = [realpathSync(folder), realpathSync(file)];
      if (!found.startsWith(top + path.sep)) throw new FileFault(`${name} is outside of the folder of the document`);
      const stats = statSync(found);
      const { fileBytesMax } = limits.artifacts;
      if (!stats.isFile()) throw new FileFault(`${name} is no file`);
      if (stats.size > fileBytesMax) throw new FileFault(`${name} is larger than ${fileBytesMax} bytes`);
      return readFileSync(found);
    } catch (fault) {
      if (fault instanceof FileFault) throw fault;
      const { code, message } = fault as NodeJS.ErrnoException;
      throw new FileFault(code === "ENOENT" ? `there is no file ${name}` : `${name} cannot be read: ${message}`);
    }
  };
}
