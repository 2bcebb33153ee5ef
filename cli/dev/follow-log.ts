/** Reads what is appended to a log, line by line, also after it was cut or moved aside. */
import { closeSync, openSync, readSync, statSync, watch } from "node:fs";
import path from "node:path";
import { dev } from "../../shared/limits/dev.ts";

/**
 * @param file whose folder is there
 * @param line called for each whole line from now on, without its end
 * @param from where to begin, in bytes; absent: at the end
 * @returns ends it
 */
export function followLog(file: string, line: (text: string) => void, from: number = sizeOf(file)): () => void {
  let offset = from;
  let rest = "";
  const decoder = new TextDecoder();
  const read = (): void => {
    const size = sizeOf(file);
    if (size < offset) {
      offset = 0;
      rest = "";
    }
    if (size === offset) return;
    const bytes = Buffer.alloc(Math.min(size - offset, dev.logChunkBytes));
    const fd = openSync(file, "r");
    const count = readSync(fd, bytes, 0, bytes.length, offset);
    closeSync(fd);
    offset += count;
    const lines = (rest + decoder.decode(bytes.subarray(0, count), { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const one of lines) line(one);
    if (count > 0 && offset < size) read();
  };
  const safely = (): void => {
    try {
      read();
    } catch {
      // It was moved aside just now; the next look finds its successor.
    }
  };
  const watcher = watch(path.dirname(file), safely);
  const poll = setInterval(safely, dev.pollMs);
  return () => {
    safely();
    clearInterval(poll);
    watcher.close();
  };
}

function sizeOf(file: string): number {
  try {
    return statSync(file).size;
  } catch {
    return 0;
  }
}
