/** What differs from run to run in the output of commands, so that the rest can be compared as it stands. */
import type { Ended } from "./run-selvage.ts";

const MASKS: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN ([A-Z ]+)-----[\s\S]+?-----END \1-----/g, "<$1>"],
  [/\beyJ[\w-]+\.[\w-]+\.[\w-]+/g, "<token>"],
  [/\bsj1\.[\w.-]+/g, "<token>"],
  [/\bslv_[\w-]+/g, "<key>"],
  [/\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, "<id>"],
  // Hashes and random ids: by base64url, or hexadecimal with digits and letters.
  [/(?<![\w/-])(?=[\w-]*\d)(?=[\w-]*[A-Z])(?=[\w-]*[a-z])[\w-]{16,}(?![\w-])/g, "<id>"],
  [/(?<![\w/-])(?=(?:[\w-]*[A-Z]){5})(?=[\w-]*[a-z])[\w-]{16,}(?![\w-])/g, "<id>"],
  [/\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{8,}\b/g, "<id>"],
  [/\b\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?Z?/g, "<time>"],
  [/\b\d{4}-\d\d-\d\d(?: \d\d:\d\d(?::\d\d)?)?\b/g, "<time>"],
  [/\b\d\d:\d\d:\d\d(?:\.\d+)?\b/g, "<time>"],
  [/\b(127\.0\.0\.1|localhost):\d+/g, "$1:<port>"],
  [/("\w*(?:Ms|Port|port|bytes|Bytes)\w*": ?)\d+(?:\.\d+)?/g, "$1<number>"],
  [/\b\d{13}\b/g, "<number>"],
  // One in 43 short ids has digits alone.
  [/\b\d{8}\b/g, "<id>"],
  [/\bNode \d+\.\d+\.\d+/g, "Node <version>"],
  [/(?<![\w.-])\d+(?:\.\d+)?\/(?:s|min|h)\b/g, "<rate>"],
  [/(?<![\w.-])\d+(?:\.\d+)? ?(?:ms|s|min|h|d)\b(?!\.)/g, "<duration>"],
  [/\b\d+(?:\.\d+)? (KiB|MiB|bytes)/g, "<size>"],
  // Columns are as wide as what stands in them.
  [/(?<=\S) {2,}/g, "  "],
];

/** What a command line came to, as it is kept. @param head lines of stdout that are kept */
export function goldenText(
  line: string,
  { code, stdout, stderr }: Ended,
  mask: (text: string) => string,
  head?: number,
): string {
  const lines = mask(stdout).split("\n");
  const kept = head === undefined || lines.length <= head ? lines : [...lines.slice(0, head), "...", ""];
  return `$ selvage ${line}\n${kept.join("\n")}--- said\n${mask(stderr)}--- exit code ${code}\n`;
}

/** The file of a command line. */
export const goldenFile = (folder: string, line: string): string =>
  `golden/${folder}${line.replaceAll(/[^\w]+/g, "-")}.txt`;

/** @param names of folders and the like, and what is shown for them; the longest first */
export function maskOutput(text: string, names: Readonly<Record<string, string>> = {}): string {
  let masked = text;
  for (const [name, shown] of Object.entries(names)) masked = masked.replaceAll(name, shown);
  for (const [pattern, shown] of MASKS) masked = masked.replaceAll(pattern, shown);
  return masked;
}
