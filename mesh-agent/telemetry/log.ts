/** The agent's words: JSON lines for machines on stdout, sentences for people on stderr. */
import type { LineBytes } from "./line-bytes.ts";
import { LineOutput } from "./line-output.ts";

export class Log {
  readonly #stdout = new LineOutput(1);
  readonly #stderr = new LineOutput(2);

  /** Hears of the agent's own events, where they are told elsewhere, too. */
  onEvent: ((event: string, sentence: string, members: object) => void) | undefined;

  /** Lines that nobody read in time. */
  get dropped(): number {
    return this.#stdout.dropped + this.#stderr.dropped;
  }

  /** One JSON object, one line. */
  line(entry: object): void {
    this.#stdout.line(JSON.stringify(entry));
  }

  /** One line that is JSON already. */
  bytes(line: LineBytes): void {
    this.#stdout.bytes(line);
  }

  /** For people. One line, whoever chose the words in it: terminals obey control characters. */
  say(sentence: string): void {
    this.#stderr.line(`selvage-agent: ${escapeControls(sentence)}`);
  }

  /** An event of the agent itself: as a line, and as a sentence for people. */
  event(event: string, sentence: string, members: object = {}): void {
    this.line({ time: new Date().toISOString(), kind: "agent", event, message: sentence, ...members });
    this.say(sentence);
    this.onEvent?.(event, sentence, members);
  }

  /** Writes what is held before the process ends. @returns false when somebody does not read it */
  async close(): Promise<boolean> {
    const written = await Promise.all([this.#stdout.close(), this.#stderr.close()]);
    return written.every((all) => all);
  }
}

/** Control characters as JavaScript writes them, and what else changes how a line looks (directions, line separators). */
export function escapeControls(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    character === "\n" ? "\\n" : `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );
}
