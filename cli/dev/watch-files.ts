/** Tells when files change, however an editor writes them: in place, by rename, in several steps, gone for a moment. */
import { type FSWatcher, statSync, watch } from "node:fs";
import path from "node:path";
import { dev } from "../../shared/limits/dev.ts";

const { settleMs, settleMaxMs, pollMs } = dev;

export class FileWatch {
  readonly #changed: () => void;
  readonly #folders = new Map<string, FSWatcher>();
  readonly #poll: NodeJS.Timeout;
  #files = new Map<string, string>();
  #timer: NodeJS.Timeout | undefined;
  #burstSinceMs: number | undefined;

  /** @param changed called once after each burst; whether anything is different it finds out itself */
  constructor(changed: () => void) {
    this.#changed = changed;
    this.#poll = setInterval(() => this.#lookAtFiles(), pollMs);
  }

  /** Watches these files, absolute, instead of those before; also such as are not there yet. */
  set(files: readonly string[]): void {
    this.#files = new Map(files.map((file) => [file, stampOf(file)]));
    // Not the files themselves: a rename would leave the watch with the old one.
    const wanted = new Set(files.map((file) => path.dirname(file)));
    for (const [folder, watcher] of this.#folders) {
      if (wanted.has(folder)) continue;
      watcher.close();
      this.#folders.delete(folder);
    }
    for (const folder of wanted) if (!this.#folders.has(folder)) this.#watch(folder);
  }

  close(): void {
    clearInterval(this.#poll);
    clearTimeout(this.#timer);
    for (const watcher of this.#folders.values()) watcher.close();
    this.#folders.clear();
  }

  #watch(folder: string): void {
    try {
      const watcher = watch(folder, () => this.#burst());
      // The folder went away, or the system has no more watches to give: the slow look goes on.
      watcher.on("error", () => {
        watcher.close();
        this.#folders.delete(folder);
      });
      this.#folders.set(folder, watcher);
    } catch {
      // As above.
    }
  }

  #lookAtFiles(): void {
    for (const [file, stamp] of this.#files) {
      const now = stampOf(file);
      if (now === stamp) continue;
      this.#files.set(file, now);
      this.#burst();
    }
  }

  #burst(): void {
    const nowMs = performance.now();
    this.#burstSinceMs ??= nowMs;
    clearTimeout(this.#timer);
    const leftMs = this.#burstSinceMs + settleMaxMs - nowMs;
    this.#timer = setTimeout(
      () => {
        this.#burstSinceMs = undefined;
        this.#changed();
      },
      Math.max(0, Math.min(settleMs, leftMs)),
    );
  }
}

function stampOf(file: string): string {
  try {
    const { mtimeMs, size, ino } = statSync(file);
    return `${mtimeMs} ${size} ${ino}`;
  } catch {
    return "";
  }
}
