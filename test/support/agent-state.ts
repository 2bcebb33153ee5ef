/** What an agent keeps, read as the agent would that starts in that folder again. */
import { stateIn } from "../../mesh-agent/control/state-file.ts";
import { openStateBox } from "../../mesh-agent/control/state-key.ts";

// biome-ignore lint/suspicious/noExplicitAny: tests look into files of every shape
export function readState(folder: string, name: string, keyFile?: string): any {
  return stateIn(folder, openStateBox(folder, keyFile, {}))(name, (value) => value).load();
}
