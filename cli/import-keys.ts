/** A file of keys, sent in parts that the control API takes. */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { limits } from "../shared/limits.ts";
import type { ImportAnswer } from "../shared/wire/keys.ts";
import { CliError, exitCodes } from "./cli-error.ts";

/** Within the bounds of one import; large parts cost the shards less. */
const PART_LINES = limits.apiKeys.importLinesMax;
const PART_CHARS = limits.apiKeys.importBytesMax / 4;

/**
 * Parts are sent one after the other. What is there already is left alone, so an import that broke off can be repeated.
 * @param file NDJSON; `-`: stdin
 * @param send one part
 * @param say progress
 * @returns the sums; lines are numbered from the start of the file
 */
export async function importFile(
  file: string,
  send: (part: string) => Promise<ImportAnswer>,
  say: (line: string) => void,
): Promise<ImportAnswer> {
  const total = { imported: 0, known: 0, refused: 0, refusals: [] as { line: number; reason: string }[] };
  const startMs = performance.now();
  let part: string[] = [];
  let chars = 0;
  let sent = 0;
  const flush = async (): Promise<void> => {
    if (part.length === 0) return;
    const answer = await send(`${part.join("\n")}\n`);
    total.imported += answer.imported;
    total.known += answer.known;
    total.refused += answer.refused;
    const room = limits.apiKeys.importRefusalsMax - total.refusals.length;
    for (const { line, reason } of answer.refusals.slice(0, room)) total.refusals.push({ line: sent + line, reason });
    sent += part.length;
    [part, chars] = [[], 0];
    say(`${sent} lines after ${((performance.now() - startMs) / 1000).toFixed(1)} s`);
  };
  for await (const line of linesOf(file)) {
    part.push(line);
    chars += line.length;
    if (part.length >= PART_LINES || chars >= PART_CHARS) await flush();
  }
  await flush();
  return total;
}

async function* linesOf(file: string): AsyncGenerator<string> {
  const input = file === "-" ? process.stdin : createReadStream(file);
  try {
    // Opened before readline listens, whose iterator would swallow the error.
    if (file !== "-") await new Promise((done, fail) => input.once("open", done).once("error", fail));
    yield* createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  } catch (fault) {
    throw new CliError(exitCodes.usage, `${file} cannot be read: ${fault instanceof Error ? fault.message : fault}`);
  }
}
