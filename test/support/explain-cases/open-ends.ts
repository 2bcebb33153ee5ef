/** What explain says that it leaves open: as what a request may end all the same, and nothing else. */
import type { ErrorCode } from "../../../shared/errors.ts";
import type { ExplainStep, Explanation } from "../../../shared/plan/explain-step.ts";
import { REPLAYED } from "../../../shared/policy/idempotency-answer.ts";
import { denialOf, type Happened } from "./happened.ts";

/** By the stage of a note. */
const OPEN: Readonly<Record<string, readonly ErrorCode[]>> = {
  graphql: ["graphql_invalid", "graphql_refused", "media_type_unsupported", "body_too_large"],
  decision: ["not_permitted"],
  contract: ["request_invalid", "media_type_unsupported", "content_too_complex", "body_too_large"],
  transcode: ["bad_request", "media_type_unsupported"],
  idempotency: ["idempotency_key_reused"],
};
/** Of a credential that somebody else has to be asked about: whose it is, and so all that comes after, is not known. */
export const isUnknown = ({ stage, text }: ExplainStep): boolean =>
  stage === "auth" && text.includes("ISSUER WAS NOT ASKED");
const OF_UNKNOWN: readonly ErrorCode[] = ["credentials_invalid", "scope_missing", "not_permitted", "access_denied"];
/** Signatures are never checked there. */
const isForged = ({ log }: Happened): boolean => String(log.reason).includes("the signature is not of the key");

/** Whether the request may have ended as it did before it came to where explain says that it ends. */
export function isLeftOpen(said: Explanation, happened: Happened): boolean {
  if (isForged(happened)) return said.steps.some(({ stage }) => stage === "auth");
  const { log, headers } = happened;
  const denial = denialOf(said);
  // Whoever shows one of two credentials is asked for the other one, or hears that the first is not good.
  if (denial?.text.startsWith("only some") && log.error === "credentials_invalid") return true;
  const before = denial === undefined ? said.steps : said.steps.slice(0, said.steps.indexOf(denial));
  const says = (stage: string, text: string): boolean =>
    before.some((one) => one.stage === stage && one.text.includes(text));
  if (says("cache", "not looked up now") && log.cache === "hit") return true;
  if (says("idempotency", "not looked up now") && headers.has(REPLAYED)) return true;
  const open = before.flatMap((one) => [...(one.verdict === "note" ? (OPEN[one.stage] ?? []) : [])]);
  if (before.some(isUnknown))
    return log.error === undefined || [...open, ...OF_UNKNOWN].includes(log.error as ErrorCode);
  return open.includes(log.error as ErrorCode);
}

/** Routes that only who asks tells apart may be taken one for the other, where that is not known. */
export function isOfSiblings({ route, steps }: Explanation, happened: Happened): boolean {
  const { log } = happened;
  if (isForged(happened)) return steps.some(({ stage }) => stage === "auth");
  if (!steps.some(isUnknown)) return false;
  if (route === undefined) return steps.some(({ stage, code }) => stage === "identity" && code === "no_route");
  const [said, is] = [route.name, log.route].map((name) => String(name).split("-")[0]);
  return said === is;
}
