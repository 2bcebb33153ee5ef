/** A request against its operation. */

import type { ContractOperation } from "../../../shared/contract/contract.ts";
import { errorsOf, type Finding } from "../../../shared/contract/finding.ts";
import {
  type BodyVerdict,
  judgeBody,
  judgeContentType,
  judgeHead,
  unreadable,
} from "../../../shared/contract/judge-request.ts";
import { isRead } from "../../../shared/contract/read-body.ts";
import type { ReadyContract } from "../../../shared/contract/ready-contract.ts";
import type { RouteValidation } from "../../../shared/contract/route-validation.ts";
import { SelvageError } from "../../../shared/errors.ts";
import { parseMediaType } from "../../../shared/http/media-type.ts";
import { limits } from "../../../shared/limits.ts";
import { codingOf } from "./content-coding.ts";
import type { Context } from "./context.ts";
import { decodeContent } from "./decode-content.ts";
import type { GatewayEnv } from "./exchange.ts";
import { readContent } from "./read-content.ts";
import type { ShadowReading } from "./shadow-reading.ts";

/** A request for an operation of a contract. */
export interface Asked {
  readonly c: Context<GatewayEnv>;
  readonly settings: RouteValidation;
  readonly contract: ReadyContract;
  readonly operation: ContractOperation;
  /** Values of the path's parameters, not decoded. */
  readonly path: ReadonlyMap<string, string>;
}

type BodyToRead = Extract<BodyVerdict, { readonly kind: "read" }>;

const { bodyBytesMax } = limits.validation;

/** Findings in all but the content of the body. */
export function judgeRequestHead({ c, settings, contract, operation, path }: Asked): Finding[] {
  const head = c.get("head");
  const parts = { path, query: c.get("target").query, header: (name: string) => head.get(name) };
  return judgeHead(operation, parts, settings, contract.ask("request", settings));
}

/** Why a request is refused. */
export interface Refusal {
  readonly findings: readonly Finding[];
  readonly error: SelvageError;
}

/**
 * The body of a request, read whole where its content is looked into.
 * @throws SelvageError media_type_unsupported, body_too_large, content_too_complex, and what `readContent` throws
 */
export async function judgeRequestBody(asked: Asked): Promise<Refusal | undefined> {
  const { c, settings, operation } = asked;
  const type = c.get("head").get("content-type");
  // Whether there is a body of no stated length is known when it has come, which is waited for where it makes a difference.
  const isAwaited = Number.isNaN(statedBytes(c)) && (operation.body === undefined || isReadable(type));
  const bytes = isAwaited ? (await readWithin(c)).byteLength : statedBytes(c);
  const verdict = judgeContentType(operation.body, type, bytes === 0);
  if (verdict.kind === "pass") return undefined;
  if (verdict.kind === "read") return isLookedInto(verdict) ? judgeContent(asked, verdict) : undefined;
  if (verdict.kind === "refused") return refusalOf(asked, [verdict.finding]);
  if (settings.unknownContent === "pass") return undefined;
  if (verdict.accept.length > 0) c.header("accept", verdict.accept.join(", "));
  return { findings: [verdict.finding], error: unsupported(`the body ${verdict.finding.detail}`) };
}

async function judgeContent(asked: Asked, verdict: BodyToRead): Promise<Refusal | undefined> {
  const { c, settings, contract } = asked;
  const field = c.get("head").get("content-encoding");
  const coding = codingOf(field);
  if (coding === undefined) {
    c.header("accept-encoding", "identity, gzip, deflate");
    throw unsupported(`content encoded as ${field?.slice(0, 64)}`);
  }
  const content = await readWithin(c);
  const plain = coding === "identity" ? content : await decodeContent(content, coding, bodyBytesMax);
  if (plain === "bounds") throw tooLarge(`decoded it has more than ${bodyBytesMax} bytes`);
  if (plain === "form") return refusalOf(asked, [unreadable(`it is not ${coding}`)]);
  const judged = judgeBody(plain, verdict, contract.ask("request", settings));
  if (judged.kind === "judged") return judged.findings.length > 0 ? refusalOf(asked, judged.findings) : undefined;
  throw judged.kind === "bounds" ? tooLarge(judged.reason) : unsupported(judged.reason);
}

const unsupported = (reason: string): SelvageError => new SelvageError("media_type_unsupported", reason);
const tooLarge = (reason: string): SelvageError =>
  new SelvageError("body_too_large", `the body cannot be validated: ${reason}`);

export function refusalOf({ operation, settings }: Asked, all: readonly Finding[]): Refusal {
  const findings = all.slice(0, settings.findingsMax);
  const places = findings.map(({ in: place, name = "", pointer, keyword }) => `${place} ${name}${pointer} ${keyword}`);
  const reason = `${operation.id}: ${places.join(", ").slice(0, REASON_CHARS_MAX)}`;
  return { findings, error: new SelvageError("request_invalid", reason, { members: { errors: errorsOf(findings) } }) };
}

const REASON_CHARS_MAX = 512;

/** The content, held whole from here on: later stages send the same bytes. */
async function readWithin(c: Context<GatewayEnv>): Promise<Uint8Array> {
  const stated = statedBytes(c);
  if (stated > bodyBytesMax) throw tooLarge(`it has ${stated} bytes`);
  const content = await readContent(c);
  if (content.byteLength > bodyBytesMax) throw tooLarge(`it has more than ${bodyBytesMax} bytes`);
  return content;
}

/** What is known of a body that is on its way: NaN, of no stated length. */
function statedBytes(c: Context<GatewayEnv>): number {
  const body = c.get("body");
  if (body === null) return 0;
  return body instanceof Uint8Array ? body.byteLength : Number(c.get("head").get("content-length") ?? Number.NaN);
}

function isReadable(contentType: string | undefined): boolean {
  const type = parseMediaType(contentType);
  return type !== undefined && isRead(type.type);
}

/** What has no schema may be anything of its type. */
const isLookedInto = ({ type, of }: BodyToRead): boolean => of.schema !== undefined && isRead(type.type);

/** What a body in shadow will be judged by, when all of it has passed. */
export interface ShadowBody {
  readonly verdict: BodyToRead;
  readonly content: Promise<Uint8Array | undefined> | Uint8Array;
}

/**
 * Lets the body go on at once, and a copy be read beside it.
 * @returns findings that are known already, or what is to be judged; `skipped`: there is no room for a copy
 */
export function shadowBody(asked: Asked, reading: ShadowReading): readonly Finding[] | ShadowBody | "skipped" {
  const { c, settings, operation } = asked;
  const body = c.get("body");
  const head = c.get("head");
  const verdict = judgeContentType(operation.body, head.get("content-type"), statedBytes(c) === 0);
  if (verdict.kind === "pass") return [];
  if (verdict.kind === "unsupported" && settings.unknownContent === "pass") return [];
  if (verdict.kind !== "read") return [verdict.finding];
  if (body === null || !isLookedInto(verdict)) return [];
  if (body instanceof Uint8Array) return { verdict, content: body };
  const split = reading.split(body, statedBytes(c), c.get("deadlineAtMs"));
  if (split === undefined) return "skipped";
  c.set("body", split.on);
  return { verdict, content: split.content };
}

/** @returns undefined when not all of it could be judged, and nothing was found in the rest */
export async function judgeShadowRequest(
  asked: Asked,
  body: ReturnType<typeof shadowBody>,
): Promise<readonly Finding[] | undefined> {
  const found = judgeRequestHead(asked);
  const more = body === "skipped" ? undefined : "verdict" in body ? await judgeShadowBody(asked, body) : body;
  if (more !== undefined) return [...found, ...more];
  return found.length > 0 ? found : undefined;
}

async function judgeShadowBody(
  { c, settings, contract }: Asked,
  body: ShadowBody,
): Promise<readonly Finding[] | undefined> {
  const content = await body.content;
  const coding = codingOf(c.get("head").get("content-encoding"));
  if (content === undefined || coding === undefined) return undefined;
  const plain = coding === "identity" ? content : await decodeContent(content, coding, bodyBytesMax);
  if (typeof plain === "string") return undefined;
  const judged = judgeBody(plain, body.verdict, contract.ask("request", settings));
  return judged.kind === "judged" ? judged.findings : undefined;
}
