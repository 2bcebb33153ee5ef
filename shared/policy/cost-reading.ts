/** Finds what an answer tells of its cost while its body passes: in JSON, or in the events of a stream, the last that tells. */
import { unescapeKey } from "../http/json-pointer.ts";
import { pointTo } from "./response-cost.ts";

export interface CostReading {
  readonly form: "json" | "events";
  /** JSON pointers that are looked for. */
  readonly pointers: readonly string[];
  readonly bytesMax: number;
  readonly decoder: InstanceType<typeof TextDecoder>;
  /** JSON: all of it so far. Events: what has come of the line that has not ended. */
  text: string;
  /** Data of the event that has not ended. */
  data: string;
  /** JSON that is too long is not read, of events the one that is. */
  isTooLong: boolean;
  /** Whether the last character was the first of CR LF. */
  endedByReturn: boolean;
  readonly found: Map<string, unknown>;
}

/**
 * @param contentType of the answer
 * @param bytesMax of JSON, or of one event (in UTF-16 units of its text)
 * @returns undefined: this is no form that is read
 */
export function newCostReading(
  contentType: string,
  pointers: readonly string[],
  bytesMax: number,
): CostReading | undefined {
  const form = formOf(contentType);
  if (form === undefined || pointers.length === 0) return undefined;
  const decoder = new TextDecoder();
  return {
    form,
    pointers,
    bytesMax,
    decoder,
    text: "",
    data: "",
    isTooLong: false,
    endedByReturn: false,
    found: new Map(),
  };
}

function formOf(contentType: string): CostReading["form"] | undefined {
  if (/^application\/(?:[\w.+-]+\+)?json\b/i.test(contentType)) return "json";
  return /^text\/event-stream\b/i.test(contentType) ? "events" : undefined;
}

/** Units of text that are held between two chunks; what it held before may be let go. */
export const heldOf = ({ text, data }: CostReading): number => text.length + data.length;

/** The next bytes of the body. */
export function readCost(reading: CostReading, chunk: Uint8Array): void {
  read(reading, reading.decoder.decode(chunk, { stream: true }));
}

/** Nothing more is read, such as for want of memory. */
export function giveUpReading(reading: CostReading): void {
  reading.isTooLong = true;
  reading.text = "";
  reading.data = "";
}

/**
 * The body has ended.
 * @returns what each pointer leads to; absent: to nothing
 */
export function endReading(reading: CostReading): ReadonlyMap<string, unknown> {
  read(reading, reading.decoder.decode());
  if (reading.form === "json" && !reading.isTooLong) note(reading, reading.text);
  return reading.found;
}

function read(reading: CostReading, text: string): void {
  if (reading.form === "events") readEvents(reading, text);
  else if (!reading.isTooLong) reading.text += text;
  if (heldOf(reading) > reading.bytesMax) giveUpReading(reading);
}

/** Lines end with CR LF, LF or CR (HTML standard, section 9.2.6). An event that never ends by an empty line is none. */
function readEvents(reading: CostReading, text: string): void {
  let from = 0;
  if (reading.endedByReturn && text.startsWith("\n")) from = 1;
  if (text !== "") reading.endedByReturn = text.endsWith("\r");
  const ends = /\r\n|\n|\r/g;
  ends.lastIndex = from;
  for (let end = ends.exec(text); end !== null; end = ends.exec(text)) {
    readLine(reading, reading.text + text.slice(from, end.index));
    reading.text = "";
    from = ends.lastIndex;
  }
  reading.text += text.slice(from);
}

function readLine(reading: CostReading, line: string): void {
  if (line === "") {
    if (!reading.isTooLong) note(reading, reading.data);
    reading.data = "";
    reading.isTooLong = false;
  } else if (!reading.isTooLong && line.startsWith("data:")) {
    reading.data += (reading.data === "" ? "" : "\n") + line.slice(line.startsWith("data: ") ? 6 : 5);
    if (reading.data.length > reading.bytesMax) giveUpReading(reading);
  }
}

function note(reading: CostReading, json: string): void {
  const { form, pointers } = reading;
  // Most events of a stream tell nothing, and are not parsed for that.
  const candidates = form === "json" ? pointers : pointers.filter((pointer) => json.includes(lastNameOf(pointer)));
  if (candidates.length === 0) return;
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return;
  }
  for (const pointer of candidates) {
    const told = pointTo(value, pointer);
    if (typeof told === "number") reading.found.set(pointer, told);
  }
}

/** As it stands in JSON, unless it is escaped there, which nobody does to the names of counters. */
const lastNameOf = (pointer: string): string => unescapeKey(pointer.slice(pointer.lastIndexOf("/") + 1));
