/** What runs, for people: groups under a head, each thing with a sign. */
import { printable } from "../../shared/config/code-frame.ts";
import { style } from "../output.ts";
import type { Finding } from "./finding.ts";
import type { LiveGroup } from "./live.ts";

export function liveText(groups: readonly LiveGroup[]): string {
  return groups
    .map(({ title, well, findings }) => [head(title), ...wellLines(well), ...findings.map(findingText)].join("\n"))
    .join("\n\n");
}

const head = (title: string): string => `${style("bold", title)}\n${"-".repeat(title.length)}`;

const wellLines = (well: readonly string[]): string[] => well.map((text) => `${style("ok", "√")} ${printable(text)}`);

function findingText({ severity, message, code, fix, ignored }: Finding): string {
  if (ignored !== undefined) return style("dim", `- ${printable(message)} [${code}], ignored`);
  const sign = severity === "error" ? style("bad", "×") : style("warn", "‼");
  const todo = fix === undefined ? "" : `\n    fix: ${printable(fix)}`;
  return `${sign} ${printable(message)} [${code}]${todo}`;
}
