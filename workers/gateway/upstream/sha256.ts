import { base64url } from "jose";
import { hex } from "../../../shared/http/hex.ts";

/** SHA-256 of a text's UTF-8, or of bytes: lower-case hex. */
export const sha256Hex = async (data: string | Uint8Array): Promise<string> => hex(await digest(data));

/** The same in base64url. */
export const sha256Base64url = async (data: string | Uint8Array): Promise<string> =>
  base64url.encode(await digest(data));

async function digest(data: string | Uint8Array): Promise<Uint8Array> {
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}
