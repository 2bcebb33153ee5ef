/** Loads the user's own code in a process that may do nothing, to see what it is and what it says of its settings. */
import { spawnSync } from "node:child_process";
import { limits } from "../../shared/limits.ts";
import { bundleCode } from "./bundle-code.ts";

/** One thing that the schema of code says of settings. */
export interface TriedIssue {
  readonly message: string;
  readonly path: readonly (string | number)[];
}

export interface TriedCode {
  /** `function`: middleware of Hono without a mark; `none`: there is no default export; `other`: it is no function. */
  readonly kind: "policy" | "handler" | "function" | "none" | "other";
  /** Of each of the settings, in their order. */
  readonly issues: readonly (readonly TriedIssue[])[];
}

/** Why code could not be loaded where it was tried; in the gateway it may. */
export class NotTried extends Error {
  override readonly name = "NotTried";
}

/**
 * @param folder of the document @param file below it
 * @param settings what its uses say in `with`
 * @throws CodeFault, NoBundler, NotTried
 */
export function tryCode(folder: string, file: string, settings: readonly unknown[]): TriedCode {
  const contents = `import * as code from ${JSON.stringify(`./${file}`)};
const settings = ${JSON.stringify(settings)};
${REPORT}`;
  const { texts } = bundleCode(folder, { stdin: { contents, resolveDir: folder, loader: "js" }, write: false });
  const { stdout, stderr, error } = spawnSync(process.execPath, ["--permission", "--input-type=module", "-"], {
    input: texts[0] ?? "",
    cwd: folder,
    env: {},
    timeout: limits.code.checkMs,
    encoding: "utf8",
  });
  const line = stdout?.split("\n").findLast((one) => one.startsWith(MARK));
  if (line !== undefined) return JSON.parse(line.slice(MARK.length)) as TriedCode;
  const said = stderr?.split("\n").find((one) => /^\w*(?:Error|Exception)\b/.test(one));
  throw new NotTried(error?.message ?? said ?? "it ended before it was loaded");
}

const MARK = "selvage-code ";

/** What the process says, as its last line. */
const REPORT = `
const made = code.default;
const mark = typeof made === "function" ? made.selvage : undefined;
const kind = !("default" in code) ? "none" : typeof made !== "function" ? "other" : (mark?.kind ?? "function");
const keyOf = (key) => { const bare = typeof key === "object" ? key.key : key; return typeof bare === "number" ? bare : String(bare); };
const issues = [];
for (const one of settings) {
  const result = await mark?.settings?.["~standard"].validate(one);
  issues.push((result?.issues ?? []).slice(0, ${limits.code.issuesMax}).map(({ message, path = [] }) => ({ message, path: path.map(keyOf) })));
}
console.log("\\n${MARK}" + JSON.stringify({ kind, issues }));
`;
