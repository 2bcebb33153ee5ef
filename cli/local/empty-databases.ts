/** Databases of objects that have deleted all they had: `workerd` keeps their files, one for each key that was ever limited. */
import { type Dirent, existsSync, readdirSync, rmSync, statSync } from "node:fs";
import path from "node:path";

/** Bytes of a page; a database of one page has no table, since each table begins a page of its own. */
const PAGE_BYTES = 4096;
const SUFFIX = ".sqlite";
/** workerd's own, beside those of the objects. */
const METADATA = `metadata${SUFFIX}`;

/**
 * Removes them; to be called while no `workerd` has the folder open.
 * @param folder of the objects, with one folder a class
 * @returns how many there were
 */
export function removeEmptyDatabases(folder: string): number {
  let removed = 0;
  for (const { name: className } of foldersIn(folder)) {
    const classFolder = path.join(folder, className);
    for (const name of readdirSync(classFolder)) {
      if (!name.endsWith(SUFFIX) || name === METADATA) continue;
      const file = path.join(classFolder, name);
      if (!isEmpty(file)) continue;
      for (const part of [file, `${file}-wal`, `${file}-shm`]) rmSync(part, { force: true });
      removed += 1;
    }
  }
  return removed;
}

function foldersIn(folder: string): Dirent[] {
  return existsSync(folder) ? readdirSync(folder, { withFileTypes: true }).filter((one) => one.isDirectory()) : [];
}

/** What is in the write-ahead log is part of the database. */
function isEmpty(file: string): boolean {
  const log = statSync(`${file}-wal`, { throwIfNoEntry: false });
  return statSync(file).size <= PAGE_BYTES && (log === undefined || log.size === 0);
}
