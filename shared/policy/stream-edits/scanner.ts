/**
 * Reads JSON (RFC 8259) from its bytes as they come, whatever borders they come in, and holds none of it but the names of the mappings
 * that are open. Whoever listens is asked where its edits reach; all else goes by as it is, without the blanks between.
 */
import type { JsonFault } from "../../http/exact-json.ts";
import { limits } from "../../limits.ts";
import { OpenNames } from "./open-names.ts";

/** What is to become of a value: `TRACK` of a mapping or list asks of each member. */
export const [DROP, PASS, TRACK] = [0, 1, 2] as const;
export type Use = typeof DROP | typeof PASS | typeof TRACK;

export const [SCALAR, MAPPING, LIST] = [0, 1, 2] as const;
export type ValueKind = typeof SCALAR | typeof MAPPING | typeof LIST;

/** Is told of what is at the top, and in mappings and lists that it tracks. */
export interface ScanListener {
  /** Whether what it holds should be taken before more comes. */
  readonly isFull: boolean;
  /** @param raw the name as it stands between its quotes, where that is not the name itself */
  name(names: OpenNames, raw: Uint8Array | undefined): void;
  value(kind: ValueKind): Use;
  /** What is tracked ends. */
  close(): void;
  /** Content that passes. */
  copy(chunk: Uint8Array, from: number, to: number): void;
}

/** A body that cannot be edited. */
export class JsonStreamError extends Error {
  readonly fault: JsonFault["fault"];

  constructor({ fault, reason }: JsonFault) {
    super(reason);
    this.fault = fault;
  }
}

const [BEGIN, VALUE, FIRST_ELEMENT, FIRST_NAME, NAME, COLON, AFTER, STRING, NUMBER, LITERAL] = [
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
] as const;

/** Parts of a number (RFC 8259 section 6): what came last. Those with which it may end are even. */
const [MINUS_SIGN, ZERO, POINT, WHOLE, EXPONENT, FRACTION, EXPONENT_SIGN, POWER] = [1, 2, 3, 4, 5, 6, 7, 8] as const;

export class JsonScanner {
  readonly names = new OpenNames(limits.reshape.streamedNamesBytesMax);
  readonly #listener: ScanListener;
  #state: number = BEGIN;
  #depth = 0;
  /** Of the mappings and lists that are open, the outer ones that are tracked. */
  #tracked = 0;
  readonly #isList = new Uint8Array(limits.reshape.depthMax);
  #passes = false;
  /** Where in the chunk what passes began; -1: nothing does. */
  #run = -1;
  /** Of a string: bytes of an escape that are still to come, of which the first may be `u`. */
  #escape = 0;
  /** Of a character of several bytes: how many are still to come, and between which two the next one is. */
  #more = 0;
  #low = 0x80;
  #high = 0xbf;
  #isName = false;
  #hasEscape = false;
  #number = 0;
  #literal: Uint8Array = TRUE;
  #literalAt = 0;

  constructor(listener: ScanListener) {
    this.#listener = listener;
  }

  /**
   * @returns how far it read: less than all when its listener is full
   * @throws JsonStreamError
   */
  write(chunk: Uint8Array, from: number): number {
    const end = chunk.length;
    let at = from;
    if (this.#passes && this.#state >= STRING) this.#run = at;
    while (at < end) {
      const before = this.#state;
      at = this.#state >= STRING ? this.#inToken(chunk, at) : this.#between(chunk, at);
      if (this.#state === AFTER && before !== AFTER && this.#listener.isFull) break;
    }
    this.#flush(chunk, at);
    return at;
  }

  /** @throws JsonStreamError where the value is not whole */
  end(): void {
    if (this.#state === NUMBER && this.#number % 2 === 0) this.#ended(NOTHING, 0);
    if (this.#state !== AFTER || this.#depth > 0) throw noJson();
  }

  #between(chunk: Uint8Array, at: number): number {
    const code = chunk[at] ?? 0;
    if (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09) {
      if (this.#state === BEGIN) this.#state = VALUE;
      this.#flush(chunk, at);
      return at + 1;
    }
    if (this.#passes && this.#run < 0) this.#run = at;
    switch (this.#state) {
      case BEGIN:
        this.#begin(code, at);
        break;
      case FIRST_ELEMENT:
        if (code === CLOSE_LIST) this.#close(chunk, at);
        else this.#value(code, at);
        break;
      case VALUE:
        this.#value(code, at);
        break;
      case FIRST_NAME:
        if (code === CLOSE_MAPPING) this.#close(chunk, at);
        else this.#name(code);
        break;
      case NAME:
        this.#name(code);
        break;
      case COLON:
        if (code !== 0x3a) throw noJson();
        this.#state = VALUE;
        break;
      default:
        this.#after(code, chunk, at);
    }
    return at + 1;
  }

  /** A byte order mark goes, as where a body is held. */
  #begin(code: number, at: number): void {
    if (code !== MARK[0]) {
      this.#value(code, at);
      return;
    }
    this.#literal = MARK;
    this.#literalAt = 1;
    this.#state = LITERAL;
  }

  #after(code: number, chunk: Uint8Array, at: number): void {
    const isList = this.#isList[this.#depth - 1] === 1;
    if (this.#depth === 0) throw noJson();
    if (code === 0x2c) this.#state = isList ? VALUE : NAME;
    else if (code === (isList ? CLOSE_LIST : CLOSE_MAPPING)) this.#close(chunk, at);
    else throw noJson();
  }

  #name(code: number): void {
    if (code !== QUOTE) throw noJson();
    this.#isName = true;
    this.#hasEscape = false;
    this.names.begin();
    this.#state = STRING;
  }

  #value(code: number, at: number): void {
    const kind = code === OPEN_MAPPING ? MAPPING : code === OPEN_LIST ? LIST : SCALAR;
    if (kind === SCALAR) this.#scalar(code);
    let isTracked = false;
    if (this.#tracked === this.#depth) {
      const use = this.#listener.value(kind);
      this.#passes = use === PASS;
      isTracked = use === TRACK;
      if (this.#passes) this.#run = at;
    }
    if (kind === SCALAR) return;
    if (this.#depth === this.#isList.length)
      throw new JsonStreamError({ fault: "bounds", reason: `it is nested deeper than ${this.#depth} levels` });
    this.#isList[this.#depth] = kind === LIST ? 1 : 0;
    this.#depth++;
    this.names.open();
    if (isTracked) this.#tracked++;
    this.#state = kind === LIST ? FIRST_ELEMENT : FIRST_NAME;
  }

  #scalar(code: number): void {
    this.#isName = false;
    if (code === QUOTE) this.#state = STRING;
    else if (code === 0x2d || isDigit(code)) {
      this.#state = NUMBER;
      this.#number = code === 0x2d ? MINUS_SIGN : code === 0x30 ? ZERO : WHOLE;
    } else {
      const literal = LITERALS.get(code);
      if (literal === undefined) throw noJson();
      this.#literal = literal;
      this.#literalAt = 1;
      this.#state = LITERAL;
    }
  }

  #close(chunk: Uint8Array, at: number): void {
    this.#depth--;
    this.names.close();
    if (this.#tracked > this.#depth) {
      this.#tracked = this.#depth;
      this.#listener.close();
    }
    this.#ended(chunk, at + 1);
  }

  /** A value that is tracked passes no further than to its end. */
  #ended(chunk: Uint8Array, at: number): void {
    this.#state = AFTER;
    if (this.#tracked !== this.#depth) return;
    this.#flush(chunk, at);
    this.#passes = false;
  }

  #flush(chunk: Uint8Array, to: number): void {
    if (this.#run >= 0 && to > this.#run) this.#listener.copy(chunk, this.#run, to);
    this.#run = -1;
  }

  #inToken(chunk: Uint8Array, at: number): number {
    if (this.#state === STRING) return this.#inString(chunk, at);
    return this.#state === NUMBER ? this.#inNumber(chunk, at) : this.#inLiteral(chunk, at);
  }

  #inString(chunk: Uint8Array, from: number): number {
    const end = chunk.length;
    for (let at = from; at < end; at++) {
      if (this.#more + this.#escape === 0) {
        while (at < end && PLAIN[chunk[at] ?? 0] === 1) at++;
        if (at === end) break;
      }
      const code = chunk[at] ?? 0;
      if (this.#more > 0) this.#continue(code);
      else if (this.#escape > 0) this.#escaped(code);
      else if (code === QUOTE) {
        if (this.#isName) {
          this.#takeName(chunk, from, at);
          this.#nameEnded();
        } else this.#ended(chunk, at + 1);
        return at + 1;
      } else if (code === 0x5c) {
        this.#escape = ESCAPE;
        this.#hasEscape = true;
      } else if (code < 0x20) throw noJson();
      else if (code >= 0x80) this.#lead(code);
    }
    if (this.#isName) this.#takeName(chunk, from, end);
    return end;
  }

  #takeName(chunk: Uint8Array, from: number, to: number): void {
    if (this.names.take(chunk, from, to)) return;
    const { streamedNamesBytesMax } = limits.reshape;
    throw new JsonStreamError({
      fault: "bounds",
      reason: `the names of what is open have more than ${streamedNamesBytesMax} bytes`,
    });
  }

  #nameEnded(): void {
    const { names } = this;
    const isTracked = this.#tracked === this.#depth;
    const raw = this.#hasEscape && isTracked ? names.bytes.slice(names.start, names.end) : undefined;
    if (this.#hasEscape) names.unescape();
    if (!names.add()) throw new JsonStreamError({ fault: "form", reason: "a name occurs twice" });
    if (isTracked) this.#listener.name(names, raw);
    this.#state = COLON;
  }

  #escaped(code: number): void {
    if (this.#escape === ESCAPE) {
      if (code === 0x75) this.#escape = 4;
      else if (ESCAPES.includes(code)) this.#escape = 0;
      else throw noJson();
    } else if (isDigit(code) || ((code | 0x20) >= 0x61 && (code | 0x20) <= 0x66)) this.#escape--;
    else throw noJson();
  }

  /** The first byte of a character of several (RFC 3629 section 4). */
  #lead(code: number): void {
    if (code < 0xc2 || code > 0xf4) throw noUtf8();
    this.#more = code < 0xe0 ? 1 : code < 0xf0 ? 2 : 3;
    this.#low = code === 0xe0 ? 0xa0 : code === 0xf0 ? 0x90 : 0x80;
    this.#high = code === 0xed ? 0x9f : code === 0xf4 ? 0x8f : 0xbf;
  }

  #continue(code: number): void {
    if (code < this.#low || code > this.#high) throw noUtf8();
    this.#more--;
    this.#low = 0x80;
    this.#high = 0xbf;
  }

  #inNumber(chunk: Uint8Array, from: number): number {
    for (let at = from; at < chunk.length; at++) {
      const next = nextPart(this.#number, chunk[at] ?? 0);
      if (next === 0) {
        if (this.#number % 2 === 1) throw noJson();
        this.#ended(chunk, at);
        return at;
      }
      this.#number = next;
    }
    return chunk.length;
  }

  #inLiteral(chunk: Uint8Array, from: number): number {
    for (let at = from; at < chunk.length; at++) {
      if (chunk[at] !== this.#literal[this.#literalAt]) throw this.#literal === MARK ? noUtf8() : noJson();
      this.#literalAt++;
      if (this.#literalAt < this.#literal.length) continue;
      if (this.#literal === MARK) this.#state = VALUE;
      else this.#ended(chunk, at + 1);
      return at + 1;
    }
    return chunk.length;
  }
}

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;

/** @returns 0: the number ends before this */
function nextPart(part: number, code: number): number {
  if (isDigit(code)) {
    if (part === ZERO) return 0;
    if (part === MINUS_SIGN) return code === 0x30 ? ZERO : WHOLE;
    if (part === WHOLE) return WHOLE;
    return part === POINT || part === FRACTION ? FRACTION : POWER;
  }
  if (code === 0x2e) return part === ZERO || part === WHOLE ? POINT : 0;
  if ((code | 0x20) === 0x65) return part === ZERO || part === WHOLE || part === FRACTION ? EXPONENT : 0;
  return (code === 0x2b || code === 0x2d) && part === EXPONENT ? EXPONENT_SIGN : 0;
}

const noJson = (): JsonStreamError => new JsonStreamError({ fault: "form", reason: "it is not JSON" });
const noUtf8 = (): JsonStreamError => new JsonStreamError({ fault: "form", reason: "it is not UTF-8" });

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const TRUE = bytesOf("true");
const LITERALS = new Map([
  [0x74, TRUE],
  [0x66, bytesOf("false")],
  [0x6e, bytesOf("null")],
]);
/** Bytes that go by in a string. */
const PLAIN = new Uint8Array(256).map((_, code) =>
  code >= 0x20 && code < 0x80 && code !== 0x22 && code !== 0x5c ? 1 : 0,
);
const MARK = new Uint8Array([0xef, 0xbb, 0xbf]);
const NOTHING = new Uint8Array();
const ESCAPES = [...bytesOf('"\\/bfnrt')];
/** A backslash came, and nothing of what it stands for. */
const ESCAPE = 5;
const QUOTE = 0x22;
const [OPEN_LIST, CLOSE_LIST, OPEN_MAPPING, CLOSE_MAPPING] = [0x5b, 0x5d, 0x7b, 0x7d];
