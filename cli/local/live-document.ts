/** What a system serves when it starts: the document that is live already, or the one that it is given. */
import { loadDocument } from "../../shared/config/load.ts";
import type { ApplyAnswer } from "../../shared/wire/admin.ts";
import { sendArtifacts } from "../artifacts/send-artifacts.ts";
import { type CodeSource, codeSource } from "../code/check-code.ts";
import type { ControlClient } from "../control-client.ts";
import { loadFile, readSource, readValidDocument } from "../read-document.ts";

/**
 * Applies a document from a file. Its problems are said to the person who started this.
 * @param environment what `${env:}` references are replaced from
 * @param author who is written down for it
 * @throws CliError when the document is not valid or the control plane refuses it
 */
export async function applyDocument(
  control: ControlClient,
  name: string,
  environment: NodeJS.ProcessEnv,
  author: string,
): Promise<ApplyAnswer> {
  const { document, source, file, artifacts } = await readValidDocument(name, environment);
  await sendArtifacts(control, artifacts);
  return control.apply({ document, artifacts: artifacts.table, source, file, author });
}

/** The code that a document names; undefined: it is not valid, which applying it says, or came on stdin. */
export function codeOfDocument(name: string, environment: NodeJS.ProcessEnv): CodeSource | undefined {
  if (name === "-") return undefined;
  const { document } = loadFile(name, environment);
  return document === undefined ? undefined : codeSource(document, name);
}

/**
 * Applies the live version's own text again, for its `${env:}` references may mean something else by now. Nothing
 * changes when they do not. A text that does not load any more leaves the live version as it is.
 * @returns whether anything is live
 */
export async function reapplyLive(
  control: ControlClient,
  environment: NodeJS.ProcessEnv,
  say: (line: string) => void,
): Promise<boolean> {
  const { version } = await control.status();
  if (version === 0) return false;
  const { source, file, author, artifacts = {} } = await control.version(version);
  const { document, problems } = loadDocument(source, file, (name) => environment[name]);
  if (document === undefined) {
    const errors = problems.filter(({ severity }) => severity === "error").map(({ message }) => message);
    say(`version ${version} stays live as it is, its text does not load any more: ${errors.join("; ")}`);
    return true;
  }
  const answer = await control.apply({ document, artifacts, source, file, author });
  if (answer.changed) say(`version ${answer.version} replaces ${version}: what its text refers to has changed`);
  return true;
}

/**
 * Says that a document is not served, where what is live is another one: whoever named it would look for its routes in vain.
 * @throws when the file cannot be read
 */
export async function sayUnserved(
  control: Pick<ControlClient, "status" | "version">,
  name: string,
  say: (line: string) => void,
): Promise<void> {
  const { version } = await control.status();
  const { source, file } = await control.version(version);
  if (source === readSource(name)) return;
  say(
    `${name} is NOT served: version ${version} of ${file} is live already (selvage apply ${name}, or another --state)`,
  );
}
