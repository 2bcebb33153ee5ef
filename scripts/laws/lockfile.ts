/** The lockfile installs everywhere: from any registry, and on systems whose packages the registry at hand did not have. */
import type { Finding, Tree } from "./tree.ts";

const LOCKFILE = "package-lock.json";

interface Lockfile {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}
interface LockedPackage {
  readonly resolved?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

export function checkLockfile(tree: Tree): Finding[] {
  const text = tree.get(LOCKFILE);
  if (text === undefined) return [];
  const { packages } = JSON.parse(text) as Lockfile;
  const lines = text.split("\n");
  const findings: Finding[] = [];
  for (const [path, locked] of Object.entries(packages)) {
    const line = lines.indexOf(`    ${JSON.stringify(path)}: {`) + 1;
    const say = (message: string): void => void findings.push({ path: LOCKFILE, line, law: "house", message });
    if (/^[a-z+]+:/.test(locked.resolved ?? ""))
      say(`${path} names a registry: remove "resolved" (npm finds packages by name and integrity)`);
    for (const [name, version] of Object.entries(locked.optionalDependencies ?? {}))
      if (!isLocked(packages, path, name))
        say(`${path} needs an entry for ${name} ${version}: npm drops what a registry lacks, and then npm ci fails`);
  }
  return findings;
}

/** Whether a package finds another one in its own folder or in one above. */
function isLocked(packages: Lockfile["packages"], from: string, name: string): boolean {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf("/node_modules/")))) {
    if (packages[`${folder}${folder === "" ? "" : "/"}node_modules/${name}`] !== undefined) return true;
    if (folder === "") return false;
  }
}
