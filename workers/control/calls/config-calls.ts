/** Calls about the document: versions of it, their application, the audit log. */
import { checkDocument } from "../../../shared/config/check-document.ts";
import { SelvageError } from "../../../shared/errors.ts";
import { limits } from "../../../shared/limits.ts";
import { canonicalJson } from "../../../shared/plan/canonical-json.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { type ApplyAnswer, applyRequestSchema, rollbackRequestSchema } from "../../../shared/wire/admin.ts";
import { readJson } from "../objects/read-json.ts";
import { CALL_BYTES, type Call, config, granted } from "./call.ts";

const APPLY_BYTES = 3 * limits.control.documentBytesMax;

export async function apply(c: Call): Promise<Response> {
  const request = await readJson(c.req.raw, applyRequestSchema, APPLY_BYTES);
  const { document, problems } = checkDocument(request.document);
  const errors = problems.filter((found) => found.severity === "error");
  if (document === undefined || errors.length > 0) throw invalid(errors);
  const { source, file, author, reason } = request;
  if (source.length > limits.control.documentBytesMax)
    throw new SelvageError("body_too_large", `source has more than ${limits.control.documentBytesMax} characters`);
  const { artifacts = {} } = request;
  const plan = compile(document, artifacts);
  const change = {
    artifacts,
    plan: canonicalJson(plan),
    document: JSON.stringify(request.document),
    source,
    file,
    author,
    reason: reason ?? "",
  };
  const applied = await config(c).apply(change, c.get("claims").sub, request.canary);
  if ("trustDomainIs" in applied) throw otherTrustDomain(plan.mesh.trustDomain, applied.trustDomainIs);
  if ("refused" in applied) return granted(applied);
  return c.json(applied satisfies ApplyAnswer, applied.changed ? 201 : 200);
}

export async function rollback(c: Call): Promise<Response> {
  const { version, author, reason } = await readJson(c.req.raw, rollbackRequestSchema, CALL_BYTES);
  const applied = granted(await config(c).rollback(version, author, reason ?? "", c.get("claims").sub));
  return c.json(applied satisfies ApplyAnswer, applied.changed ? 201 : 200);
}

export async function version(c: Call): Promise<Response> {
  const { document, ...rest } = granted(await config(c).version(Number(c.req.param("version"))));
  return c.json({ ...rest, document: JSON.parse(document) });
}

function invalid(errors: readonly object[]): SelvageError {
  return new SelvageError("document_invalid", `${errors.length} errors`, { members: { errors } });
}

/** Certificates of two trust domains never trust each other: a mesh that changes its name is another mesh. */
function otherTrustDomain(asked: string, made: string): SelvageError {
  const message = `the authority is for the trust domain "${made}", which cannot change to "${asked}"`;
  return invalid([
    {
      code: "trust_domain_fixed",
      severity: "error",
      message,
      path: ["mesh", "trustDomain"],
      at: "value",
      suggestion: made,
    },
  ]);
}
