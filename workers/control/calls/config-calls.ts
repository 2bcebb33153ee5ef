/** Calls about the document: versions of it, their application, the audit log. */
import { checkDocument } from "../../../shared/config/check-document.ts";
import type { Document } from "../../../shared/config/schema.ts";
import { SelvageError } from "../../../shared/errors.ts";
import { limits } from "../../../shared/limits.ts";
import { canonicalJson } from "../../../shared/plan/canonical-json.ts";
import { findChanges, type Version } from "../../../shared/plan/changes/find-changes.ts";
import { refuseForeign } from "../../../shared/plan/changes/owner-rights.ts";
import { type ChangeSummary, describeSummary, summaryOf } from "../../../shared/plan/changes/summary.ts";
import { compile } from "../../../shared/plan/compile.ts";
import {
  type ApplyAnswer,
  type ApplyRequest,
  applyRequestSchema,
  type DryRunAnswer,
  type MovedMembers,
  rollbackRequestSchema,
} from "../../../shared/wire/admin.ts";
import { readJson } from "../objects/read-json.ts";
import type { Applied, Change, Moved, Refused, StoredVersion } from "../objects/rpc.ts";
import { actorOf, CALL_BYTES, type Call, config, granted } from "./call.ts";
import { tellRefused } from "./refusals.ts";

const APPLY_BYTES = 3 * limits.control.documentBytesMax;

type Outcome = Applied | Refused | { readonly trustDomainIs: string };

export async function apply(c: Call): Promise<Response> {
  const request = await readJson(c.req.raw, applyRequestSchema, APPLY_BYTES);
  if (request.dryRun === true) return c.json(await tryApply(c, request));
  return told(c, "apply", request.author, async () => {
    refuseCanary(c, request);
    const { change, next } = compiled(request);
    const actor = actorOf(c, request.author);
    const applied = await replaceLive<Outcome>(c, request.expect, async (live) => {
      const changes = judge(c, live, next);
      const judged = { ...change, follows: live?.version ?? 0, changes: JSON.stringify(changes) };
      return await config(c).apply(judged, actor, request.canary);
    });
    if ("trustDomainIs" in applied) throw otherTrustDomain(next, applied.trustDomainIs);
    return answer(c, granted(applied));
  });
}

/** What an apply would change, judged as one. */
async function tryApply(c: Call, request: ApplyRequest): Promise<DryRunAnswer> {
  refuseCanary(c, request);
  const { change, next } = compiled(request);
  const live = await config(c).live();
  if (request.expect !== undefined && request.expect !== (live?.version ?? 0)) throw await moved(c, request.expect);
  const changes = judge(c, live, next);
  const before = versionOf(live);
  const plan = before.document === undefined ? "" : canonicalJson(compile(before.document, before.artifacts));
  return { dryRun: true, version: live?.version ?? 0, changed: plan !== change.plan, changes };
}

export async function rollback(c: Call): Promise<Response> {
  const request = await readJson(c.req.raw, rollbackRequestSchema, CALL_BYTES);
  const { version, author, reason = "" } = request;
  return told(c, "rollback", author, async () => {
    const target = versionOf(granted(await config(c).version(version)));
    const applied = await replaceLive<Applied | Refused>(c, request.expect, async (live) => {
      const changes = summaryOf(findChanges(versionOf(live), target));
      const judged = { follows: live?.version ?? 0, changes: JSON.stringify(changes) };
      return await config(c).rollback(version, author, reason, actorOf(c, author), judged);
    });
    return answer(c, granted(applied));
  });
}

function answer(c: Call, applied: Applied): Response {
  return c.json(applied satisfies ApplyAnswer, applied.changed ? 201 : 200);
}

/** Runs a change; that it is refused is on record. */
async function told(
  c: Call,
  act: "apply" | "rollback",
  author: string,
  change: () => Promise<Response>,
): Promise<Response> {
  try {
    return await change();
  } catch (error) {
    if (error instanceof SelvageError && error.facts.status < 500)
      tellRefused(c, act, { ...actorOf(c), author }, `${error.code}: ${error.reason}`);
    throw error;
  }
}

/**
 * Asks for a change of what is live, again when another version comes between; only where the caller named none.
 * @throws SelvageError version_moved
 */
async function replaceLive<Answer extends object>(
  c: Call,
  expect: number | undefined,
  replace: (live: StoredVersion | undefined) => Promise<Answer | Moved>,
): Promise<Exclude<Answer, Moved>> {
  for (let attempt = 1; ; attempt++) {
    const live = await config(c).live();
    const isExpected = expect === undefined || expect === (live?.version ?? 0);
    const replaced = isExpected ? await replace(live) : undefined;
    if (replaced !== undefined && !("moved" in replaced)) return replaced as Exclude<Answer, Moved>;
    if (expect !== undefined || attempt >= limits.control.applyAttemptsMax)
      throw await moved(c, expect ?? live?.version ?? 0);
  }
}

/** Who was faster, and what they changed. */
async function moved(c: Call, expected: number): Promise<SelvageError> {
  const versions = (await config(c).versions()).filter(({ isWithheld }) => isWithheld !== true);
  const since = versions.filter(({ version }) => version > expected).slice(0, SINCE_MAX);
  const [live] = versions;
  const what = live?.changes === undefined ? "" : `: ${describeSummary(live.changes)}`;
  const detail =
    live === undefined
      ? `version ${expected} was expected, and none is live`
      : `version ${live.version} by ${live.author} is live, not version ${expected}${what}`;
  return new SelvageError("version_moved", detail, {
    members: { detail, expected, since } satisfies MovedMembers & { detail: string },
  });
}

/** Versions that a refusal names. */
const SINCE_MAX = 10;

/** While a canary runs nobody else can apply: that is not an owner's to decide. @throws SelvageError role_missing */
function refuseCanary(c: Call, { canary }: ApplyRequest): void {
  const { role, sub } = c.get("claims");
  if (canary === undefined || role === "admin") return;
  throw new SelvageError("role_missing", `a canary needs role admin, ${sub} has ${role}`);
}

/** @throws SelvageError not_owned, with each place that is not the owner's */
function judge(c: Call, live: StoredVersion | undefined, next: Version): ChangeSummary {
  const { role, owners = [] } = c.get("claims");
  const before = versionOf(live);
  const errors = role === "admin" ? [] : refuseForeign(before, next, owners);
  if (errors.length === 0) return summaryOf(findChanges(before, next));
  const reason = errors.slice(0, 3).map(({ message }) => message);
  const more = errors.length > 3 ? [`${errors.length - 3} more`] : [];
  throw new SelvageError("not_owned", [...reason, ...more].join("; "), { members: { errors } });
}

function versionOf(stored: StoredVersion | undefined): Version {
  if (stored === undefined) return {};
  return { document: JSON.parse(stored.document) as Document, artifacts: stored.artifacts };
}

interface Compiled {
  readonly change: Change;
  readonly next: Version & { readonly document: Document };
}

/** @throws SelvageError document_invalid with `errors`, body_too_large */
function compiled(request: ApplyRequest): Compiled {
  const { document, problems } = checkDocument(request.document);
  const errors = problems.filter((found) => found.severity === "error");
  if (document === undefined || errors.length > 0) throw invalid(errors);
  const { source, file, author, reason = "", artifacts = {} } = request;
  if (source.length > limits.control.documentBytesMax)
    throw new SelvageError("body_too_large", `source has more than ${limits.control.documentBytesMax} characters`);
  const plan = canonicalJson(compile(document, artifacts));
  const change = { artifacts, plan, document: JSON.stringify(request.document), source, file, author, reason };
  return { change, next: { document, artifacts } };
}

export async function version(c: Call): Promise<Response> {
  const { document, ...rest } = granted(await config(c).version(Number(c.req.param("version"))));
  return c.json({ ...rest, document: JSON.parse(document) });
}

function invalid(errors: readonly object[]): SelvageError {
  return new SelvageError("document_invalid", `${errors.length} errors`, { members: { errors } });
}

/** Certificates of two trust domains never trust each other: a mesh that changes its name is another mesh. */
function otherTrustDomain({ document }: Compiled["next"], made: string): SelvageError {
  const asked = compile(document).mesh.trustDomain;
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
