/** OAuth clients of the test identity provider: how they say who they are (RFC 6749 section 2.3.1). */
import { createHash, timingSafeEqual } from "node:crypto";
import type { Call } from "./services/server.ts";

/** What a client sent, by Basic or in the form; empty texts when it sent nothing. */
export function clientOf(call: Call, form: URLSearchParams): [id: string, secret: string] {
  const basic = /^Basic ([A-Za-z0-9+/=]+)$/i.exec(call.headers.authorization ?? "")?.[1];
  if (basic === undefined) return [form.get("client_id") ?? "", form.get("client_secret") ?? ""];
  const [id = "", ...secret] = Buffer.from(basic, "base64").toString("utf8").split(":");
  return [formDecode(id), formDecode(secret.join(":"))];
}

/** Whether a client is one of those known, with its secret. */
export function isClient(
  clients: Readonly<Record<string, string>>,
  [id, secret]: [id: string, secret: string],
): boolean {
  const expected = Object.hasOwn(clients, id) ? clients[id] : undefined;
  return expected !== undefined && equal(secret, expected);
}

function formDecode(text: string): string {
  return new URLSearchParams(`v=${text}`).get("v") ?? "";
}

function equal(given: string, expected: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
