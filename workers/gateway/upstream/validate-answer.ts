/** An answer against its operation. */
import type { Finding } from "../../../shared/contract/finding.ts";
import { type AnswerHead, judgeAnswer, looksIntoWhole } from "../../../shared/contract/judge-answer.ts";
import { judgeBody } from "../../../shared/contract/judge-request.ts";
import { isRead } from "../../../shared/contract/read-body.ts";
import { SelvageError } from "../../../shared/errors.ts";
import { parseMediaType } from "../../../shared/http/media-type.ts";
import { limits } from "../../../shared/limits.ts";
import type { HeldBytes } from "../../../shared/policy/held-bytes.ts";
import { codingOf, isDecoded } from "./content-coding.ts";
import type { Context } from "./context.ts";
import { decodeContent } from "./decode-content.ts";
import { isBodiless } from "./edited-answer.ts";
import type { GatewayEnv } from "./exchange.ts";
import { readAnswer } from "./read-answer.ts";
import type { ShadowReading } from "./shadow-reading.ts";
import type { Asked } from "./validate-request.ts";

const { bodyBytesMax } = limits.validation;

/** What there is to judge of an answer that is on its way to the client. */
export interface ShadowAnswer {
  readonly head: AnswerHead;
  /** Undefined: there is nothing to look into. */
  readonly content?: Promise<Uint8Array | undefined> | "skipped";
}

/** Lets an answer go on at once, and a copy of what can be looked into be read beside it. */
export function shadowAnswer(asked: Asked, reading: ShadowReading): ShadowAnswer {
  const { c } = asked;
  const { res } = c;
  const head = headOf(c);
  if (res.body === null || !head.hasContent || !isReadable(head)) return { head };
  const { coding, isEncoded } = contentCodingOf(c);
  const stated = Number(res.headers.get("content-length") ?? Number.NaN);
  const untilMs = Date.now() + limits.idempotency.answerWithinMs;
  const split = coding === undefined ? undefined : reading.split(res.body, stated, untilMs);
  if (split === undefined) return { head, content: "skipped" };
  const { status, statusText, headers } = res;
  c.res = undefined;
  c.res = new Response(split.on, { status, statusText, headers, encodeBody: isEncoded ? "manual" : "automatic" });
  return { head, content: coding === "gzip" ? split.content.then(unzip) : split.content };
}

/** @returns undefined when not all of it could be judged, and nothing was found in the rest */
export async function judgeShadowAnswer(
  { settings, operation, contract }: Asked,
  { head, content: copy }: ShadowAnswer,
): Promise<readonly Finding[] | undefined> {
  const ask = contract.ask("response", settings);
  const { findings, content: verdict } = judgeAnswer(operation, head, ask);
  if (verdict === undefined || verdict.of.schema === undefined || copy === undefined) return findings;
  const content = copy === "skipped" ? undefined : await copy;
  const judged = content && judgeBody(content, verdict, ask);
  if (judged?.kind === "judged") return [...findings, ...judged.findings];
  return findings.length > 0 ? findings : undefined;
}

/**
 * The answer as a whole: the client gets all of it, or nothing.
 * @param held what the isolate holds of bodies
 * @throws SelvageError answer_invalid for one that is not judged, upstream_timeout, upstream_reset, overloaded
 */
export async function judgeWholeAnswer(asked: Asked, held: HeldBytes): Promise<readonly Finding[]> {
  const { c, settings, operation, contract } = asked;
  const { res } = c;
  // Ranges were not asked for, and of a part nobody knows whether the whole fits.
  if (res.status === 206 && looksIntoWhole(operation)) throw refused("it is a part");
  const ask = contract.ask("response", settings);
  const head = headOf(c);
  const { findings, content: verdict } = judgeAnswer(operation, head, ask);
  if (verdict?.of.schema === undefined || res.body === null || findings.length > 0 || !isReadable(head))
    return findings;
  if (contentCodingOf(c).coding !== "identity") throw refused("it is encoded");
  const content = await readAnswer(c, res.body, held, bodyBytesMax, refused);
  const { status, statusText } = res;
  const headers = new Headers(res.headers);
  // It is as long as it is, and the platform has decoded it.
  for (const name of ["content-length", "content-encoding"]) headers.delete(name);
  c.res = undefined;
  c.res = new Response(content as Uint8Array<ArrayBuffer>, { status, statusText, headers });
  const judged = judgeAnswerBody(content, verdict, ask);
  if (judged.kind !== "judged") throw refused(judged.reason);
  return judged.findings;
}

/** What is too complex is the upstream's doing here. */
function judgeAnswerBody(...judging: Parameters<typeof judgeBody>): ReturnType<typeof judgeBody> {
  try {
    return judgeBody(...judging);
  } catch (error) {
    throw error instanceof SelvageError ? refused(error.reason) : error;
  }
}

const refused = (reason: string): SelvageError =>
  new SelvageError("answer_invalid", `the answer cannot be validated: ${reason}`, { sent: "body" });

function headOf(c: Context<GatewayEnv>): AnswerHead {
  const { status, headers, body } = c.res;
  // A part of content is nothing that a schema describes.
  const hasContent = body !== null && !isBodiless(status) && status !== 206 && c.get("method") !== "HEAD";
  return { status, hasContent, header: (name) => headers.get(name) ?? undefined };
}

function isReadable({ header }: AnswerHead): boolean {
  const type = parseMediaType(header("content-type"));
  return type !== undefined && isRead(type.type);
}

/** How content is encoded for those who read it here; the platform decodes what it knows unless it was told not to. */
function contentCodingOf(c: Context<GatewayEnv>): { coding: "identity" | "gzip" | undefined; isEncoded: boolean } {
  const field = c.res.headers.get("content-encoding");
  const named = codingOf(field);
  if (named === "identity") return { coding: named, isEncoded: false };
  if (c.get("isRaw") === true) return { coding: named === "gzip" ? named : undefined, isEncoded: true };
  return { coding: isDecoded(field) ? "identity" : undefined, isEncoded: false };
}

async function unzip(content: Uint8Array | undefined): Promise<Uint8Array | undefined> {
  const plain = content && (await decodeContent(content, "gzip", bodyBytesMax));
  return typeof plain === "string" ? undefined : plain;
}
