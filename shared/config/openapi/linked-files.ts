/** Files that the references of a description lead to, so that its schemas can be compiled: those who compile open nothing. */
import { isContainer } from "../../http/exact-json.ts";
import { limits } from "../../limits.ts";
import type { Description } from "./description.ts";
import { readReference } from "./reference.ts";

/**
 * @returns values by the names of their files. What cannot be opened is left out: not everything that looks like a reference is one,
 * and who follows it says what is wrong. Undefined after there were too many of them, which is told
 */
export function linkedFiles(description: Description): ReadonlyMap<string, unknown> | undefined {
  const { filesMax } = limits.openapi;
  const files = new Map<string, unknown>([[description.root.file, description.root.value]]);
  for (const [name, value] of files)
    for (const ref of referencesIn(value)) {
      const { file } = readReference(ref, name) as { file?: string };
      if (file === undefined || files.has(file)) continue;
      if (files.size >= filesMax) {
        description.error("SLV1003", description.root, `the description consists of more than ${filesMax} files`);
        return undefined;
      }
      const top = description.top(file);
      if (typeof top !== "string") files.set(file, top.value);
    }
  return files;
}

/** Those that name another file, each once. */
function referencesIn(root: unknown): Set<string> {
  const found = new Set<string>();
  const pending: unknown[] = [root];
  while (pending.length > 0) {
    const value = pending.pop();
    if (!isContainer(value)) continue;
    const { $ref: ref } = value;
    if (typeof ref === "string" && !ref.startsWith("#")) found.add(ref);
    for (const member of Object.values(value)) if (isContainer(member)) pending.push(member);
  }
  return found;
}
