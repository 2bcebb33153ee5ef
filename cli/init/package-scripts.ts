/** Scripts of package.json by which npm runs, tests and checks a document. */

/** A package.json as it would be. */
export interface PackageText {
  readonly text: string;
  /** Names of the scripts that are new. */
  readonly added: readonly string[];
}

/** What npm writes where there are no tests. */
const NO_TEST = 'echo "Error: no test specified" && exit 1';

/**
 * Scripts that are there already stay as they are.
 * @param given text of package.json; undefined: there is none
 * @returns undefined where nothing is to be added, or it is no package.json
 */
export function withScripts(given: string | undefined, isStubbed: boolean): PackageText | undefined {
  const wished = {
    dev: `selvage dev${isStubbed ? " --stub" : ""}`,
    test: "selvage test",
    check: "selvage check",
  };
  const read = given === undefined ? { private: true } : readObject(given);
  const scripts = read && objectIn(read.scripts ?? {});
  if (read === undefined || scripts === undefined) return undefined;
  const added = Object.entries(wished).filter(([name]) => scripts[name] === undefined || scripts[name] === NO_TEST);
  if (added.length === 0) return undefined;
  const whole = { ...read, scripts: { ...scripts, ...Object.fromEntries(added) } };
  const indent = /^[{]\r?\n([ \t]+)/.exec(given ?? "")?.[1] ?? "  ";
  return { text: `${JSON.stringify(whole, null, indent)}\n`, added: added.map(([name]) => name) };
}

function readObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return objectIn(JSON.parse(text));
  } catch {
    return undefined;
  }
}

const objectIn = (value: unknown): Readonly<Record<string, unknown>> | undefined =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : undefined;
