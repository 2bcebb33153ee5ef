/** The one place where errors become answers. */
import { SelvageError, toProblem } from "../../../shared/errors.ts";
import type { Call } from "./call.ts";

/** Operators find the reason in the log. */
export function problem(c: Call, thrown: unknown): Response {
  const error =
    thrown instanceof SelvageError ? thrown : new SelvageError("control_failed", String(thrown), { cause: thrown });
  const line = { time: new Date().toISOString(), kind: "error", method: c.req.method, path: c.req.path };
  const log = error.facts.status >= 500 ? console.error : console.warn;
  log(JSON.stringify({ ...line, status: error.facts.status, error: error.code, reason: error.reason }));
  const headers = { "content-type": "application/problem+json", ...challenge(error) };
  return new Response(JSON.stringify(toProblem(error)), { status: error.facts.status, headers });
}

/** RFC 6750 section 3. */
function challenge(error: SelvageError): Record<string, string> {
  if (error.code === "credentials_invalid") return { "www-authenticate": 'Bearer error="invalid_token"' };
  if (error.facts.status === 401) return { "www-authenticate": "Bearer" };
  return error.code === "upgrade_required" ? { upgrade: "websocket", connection: "upgrade" } : {};
}
