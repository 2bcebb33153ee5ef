import { base64url } from "jose";
import { readJsonObject } from "../../../shared/auth/strict-json.ts";

/** The JSON object of a token's segment, or why it is none. @param segment canonical base64url */
export function readSegment(segment: string): Record<string, unknown> | string {
  try {
    return readJsonObject(utf8.decode(base64url.decode(segment)));
  } catch {
    return "is not UTF-8";
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
