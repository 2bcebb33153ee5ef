/** The audit log, page by page. */
import { SelvageError } from "../../../shared/errors.ts";
import { limits } from "../../../shared/limits.ts";
import type { AuditPage } from "../../../shared/wire/audit.ts";
import { type Call, config } from "./call.ts";

export async function askAudit(c: Call): Promise<Response> {
  const { auditPage, auditPageMax } = limits.control;
  const before = whole(c, "before", Number.MAX_SAFE_INTEGER);
  const limit = whole(c, "limit", auditPageMax) ?? auditPage;
  const page = await config(c).auditLog({ before, limit, act: c.req.query("act") });
  return c.json(page satisfies AuditPage);
}

/** @throws SelvageError bad_request */
function whole(c: Call, name: string, max: number): number | undefined {
  const text = c.req.query(name);
  if (text === undefined) return undefined;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= 1 && value <= max) return value;
  const message = `a whole number from 1 to ${max}`;
  throw new SelvageError("bad_request", `${name} is not ${message}`, {
    members: { errors: [{ path: [name], message }] },
  });
}
