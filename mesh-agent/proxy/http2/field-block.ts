/** A decoded header block, and what it was understood as; blocks that come again are not looked through again. */
import type { MessageFault } from "../http1/field-scanner.ts";

/** A message that breaks RFC 9113 section 8.1.1: its stream is reset with PROTOCOL_ERROR. */
export class Malformed {
  /** For operators. */
  readonly reason: string;
  constructor(reason: string) {
    this.reason = reason;
  }
}

export interface RequestParts {
  readonly method: string;
  readonly target: string;
  /** name, value, ... without what belongs to this hop. */
  readonly fields: readonly string[];
  /** -1: not stated. */
  readonly contentLength: number;
  readonly expectContinue: boolean;
  /** Extended CONNECT, RFC 8441: the protocol; `method` is that of the request for it over HTTP/1.1. */
  readonly upgrade?: string;
}

export interface ResponseParts {
  readonly status: number;
  readonly fields: readonly string[];
  readonly contentLength: number;
}

export class FieldBlock {
  /** name, value, name, value, ... with pseudo-fields. Never changed. */
  readonly raw: readonly string[];
  /** Why a field is not valid. */
  readonly fault: string | undefined;
  /** More than `limits.http` allows; what was over is not in `raw`. */
  readonly tooLarge: boolean;
  request: RequestParts | MessageFault | Malformed | undefined;
  response: ResponseParts | Malformed | undefined;
  trailers: readonly string[] | Malformed | undefined;

  constructor(raw: readonly string[], fault: string | undefined, tooLarge: boolean) {
    this.raw = raw;
    this.fault = fault;
    this.tooLarge = tooLarge;
  }
}
