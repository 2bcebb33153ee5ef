/** Edits of bodies that are JSON, and of those that are read or written as JSON. Loaded by the first request that has one. */

import { SelvageError } from "../../../shared/errors.ts";
import { DIGESTS, type JsonKind, jsonKindOf, weakened } from "../../../shared/http/content-kind.ts";
import type { JsonFault } from "../../../shared/http/exact-json.ts";
import { joinBytes } from "../../../shared/http/join-bytes.ts";
import { utf8Text } from "../../../shared/http/utf8-text.ts";
import { limits } from "../../../shared/limits.ts";
import type { HeldBytes } from "../../../shared/policy/held-bytes.ts";
import { isEnvelope } from "../../../shared/policy/json-edits.ts";
import type { JsonEdits, JsonTemplate } from "../../../shared/policy/reshape.ts";
import type { EditedBody, Reshaper } from "../../../shared/policy/reshaper.ts";
import type { Translation } from "../../../shared/policy/translate/translation.ts";
import type { Translator } from "../../../shared/policy/translate/translator.ts";
import { answerHeaders } from "./answer-headers.ts";
import { type Coding, codingOf, isDecoded } from "./content-coding.ts";
import type { Context } from "./context.ts";
import { decodeContent } from "./decode-content.ts";
import { isBodiless } from "./edited-answer.ts";
import type { GatewayEnv } from "./exchange.ts";
import { brokenAnswer, readAnswer, readAnswerHead } from "./read-answer.ts";
import { hold, readContent } from "./read-content.ts";
import type { BodyHead } from "./read-head.ts";

type Exchange = Context<GatewayEnv>;
/** What a text of JSON becomes. */
type Edit = (text: string) => EditedBody;
/** Edits of a body, and what carries them out. */
interface Editing {
  readonly edits: JsonEdits;
  readonly edit: Edit;
  /** What the values become that are set. */
  readonly fill: (template: JsonTemplate) => unknown;
}
/** What becomes of a body that is translated. */
interface TranslatedContent {
  readonly translator: Translator;
  readonly settings: Translation;
  edit(bytes: Uint8Array, contentType: string | undefined): EditedBody;
}
type Content = Parameters<Reshaper["translated"]>[0];
/** @param isOfEdit the body itself is one that could be edited */
type Refuse = (fault: JsonFault["fault"], reason: string, isOfEdit?: boolean) => SelvageError;

const { bodyBytesMax, lineBytesMax } = limits.reshape;

/** @param edit what content becomes @returns undefined: nothing is translated */
export async function translationOf(
  settings: Translation | undefined,
  edit: (content: Content, translator: Translator) => EditedBody,
): Promise<TranslatedContent | undefined> {
  if (settings === undefined) return undefined;
  const { Translator } = await import("../../../shared/policy/translate/translator.ts");
  const translator = new Translator(settings);
  return { translator, settings, edit: (bytes, contentType) => edit({ bytes, contentType }, translator) };
}

/**
 * The body of a request, before it goes on.
 * @throws SelvageError bad_request, body_too_large, media_type_unsupported, and what `readContent` throws
 */
export async function editRequestBody(
  c: Exchange,
  { edits, edit, fill }: Editing,
  translation?: TranslatedContent,
): Promise<void> {
  const fields = c.get("fields");
  if (c.get("body") === null) return translation === undefined ? undefined : makeRequestBody(c, edits, translation);
  const contentType = fields.get("content-type") ?? undefined;
  const isTranslated = translation?.translator.takes(contentType) === true;
  if (translation?.settings.others === "refuse" && !isTranslated)
    throw new SelvageError("media_type_unsupported", `a body that is not of the kind ${translation.settings.from}`);
  const kind = jsonKindOf(contentType);
  if (kind === undefined && !isTranslated) {
    if (edits.others === "refuse") throw new SelvageError("media_type_unsupported", "a body that is no JSON");
    return;
  }
  const stated = fields.get("content-encoding");
  const coding = codingOf(stated);
  if (coding === undefined)
    throw new SelvageError("media_type_unsupported", `content encoded as ${stated?.slice(0, 64)}`);
  const bytes =
    edits.streams === true && kind === "json" && !isTranslated
      ? await streamLong(c, coding, edits, fill)
      : await wholeRequest(c, coding);
  // As one without a body.
  if (bytes?.byteLength === 0 && !isTranslated) return;
  for (const name of ["content-length", "content-encoding", ...DIGESTS]) fields.delete(name);
  if (bytes === undefined) return;
  if (bytes.byteLength > bodyBytesMax) throw refuseRequest("bounds", `it has more than ${bodyBytesMax} bytes`);
  if (isTranslated) setTranslated(c, translation.edit(bytes, contentType), translation.settings);
  else {
    const text = editText(textOf(bytes, refuseRequest), kind ?? "json", edit, refuseRequest);
    c.set("body", new TextEncoder().encode(text));
  }
}

async function wholeRequest(c: Exchange, coding: Coding | "identity"): Promise<Uint8Array> {
  const content = await readContent(c);
  return coding === "identity" || content.byteLength === 0 ? content : decoded(content, coding);
}

/** @returns undefined: it is longer than what is held for that, and edited while it passes */
async function streamLong(
  c: Exchange,
  coding: Coding | "identity",
  edits: JsonEdits,
  fill: Editing["fill"],
): Promise<Uint8Array | undefined> {
  const body = c.get("body");
  // Another stage holds it already.
  if (!(body instanceof ReadableStream)) return wholeRequest(c, coding);
  const { readRequestHead, streamRequestBody } = await import("./stream-request.ts");
  const head = await readRequestHead(c, body, coding);
  if (head.rest === undefined) {
    c.set("body", head.bytes);
    return head.bytes;
  }
  await streamRequestBody(c, head, coding, edits, fill, refuseRequest);
  return undefined;
}

/** A request without content gets some where a template makes all of it. */
function makeRequestBody(c: Exchange, { template }: JsonEdits, { settings, edit }: TranslatedContent): void {
  const method = c.get("route").reshape?.request?.method ?? c.get("method");
  if (template === undefined || settings.from !== "json" || method === "GET" || method === "HEAD") return;
  setTranslated(c, edit(new TextEncoder().encode("null"), undefined), settings);
}

function setTranslated(c: Exchange, made: EditedBody, { to }: Translation): void {
  if (made.fault !== undefined) throw refuseRequest(made.fault, made.reason);
  // The operation is the document's to choose, and services take this field for it.
  const isOurs = c.get("route").transform.request.set.soapaction !== undefined;
  if ((to === "xml" || to === "soap") && !isOurs) c.get("fields").delete("soapaction");
  const content = new TextEncoder().encode(made.text);
  // It may be larger than what it was made of.
  if (c.get("holding") !== undefined) hold(c, content.byteLength);
  c.set("body", content);
  for (const [name, value] of made.fields ?? []) c.get("fields").set(name, value);
}

/**
 * The body of an answer, on its way to the client.
 * @throws SelvageError upstream_invalid, overloaded, upstream_timeout, upstream_reset
 */
export async function editAnswerBody(
  c: Exchange,
  { edits, edit, fill }: Editing,
  held: HeldBytes,
  translation?: TranslatedContent,
): Promise<void> {
  const { status } = c.res;
  const headers = answerHeaders(c);
  const { body } = c.res;
  const refuse = blaming(c);
  // Ranges were not asked for: a part of what is edited would be what nobody may have seen.
  if (status === 206) throw refuse("form", "a part of an answer that is edited whole");
  if (status === 304) return weaken(headers);
  const isHead = c.req.raw.method === "HEAD";
  const hasContent = body !== null && !isBodiless(status);
  if (!hasContent && !isHead) return;
  const contentType = headers.get("content-type") ?? undefined;
  const translated = translation?.translator.takes(contentType) === true ? translation : undefined;
  if (translation?.settings.others === "refuse" && translated === undefined && hasContent)
    throw refuse("form", `it is not of the kind ${translation.settings.from}`);
  const kind = translated === undefined ? jsonKindOf(contentType) : "json";
  if (kind === undefined) {
    if (edits.others === "refuse" && hasContent) throw refuse("form", "it is no JSON");
    return;
  }
  const field = headers.get("content-encoding");
  if (codingOf(field) !== "identity" && !isDecoded(field))
    throw refuse("form", `it is encoded as ${field?.slice(0, 64)}`);
  const isPassed = translated === undefined && (kind === "lines" || isEnvelope(edits));
  const mayStream = translated === undefined && edits.streams === true;
  const head =
    !hasContent || isHead || isPassed ? undefined : await (mayStream ? answerHead : wholeAnswer)(c, body, held);
  if (head?.bytes.byteLength === 0 && translated === undefined) return replaceBody(c, null);
  for (const name of ["content-length", "content-encoding", "accept-ranges", ...DIGESTS]) headers.delete(name);
  weaken(headers);
  for (const [name, value] of translated?.translator.fields ?? []) headers.set(name, value);
  if (!hasContent || isHead) return;
  if (head === undefined)
    return replaceBody(c, body.pipeThrough(kind === "lines" ? editedLines(edit, refuse) : enveloped(edits.wrap ?? "")));
  if (head.rest !== undefined) return replaceBody(c, await streamedAnswer(c, head, edits, fill));
  if (translated !== undefined) return sendTranslated(c, translated.edit(head.bytes, contentType), refuse);
  replaceBody(c, editText(textOf(head.bytes, refuse), kind, edit, refuse));
}

/** What is found after the answer has begun breaks it off. */
async function streamedAnswer(
  c: Exchange,
  head: BodyHead,
  edits: JsonEdits,
  fill: Editing["fill"],
): Promise<ReadableStream<Uint8Array>> {
  const { editedStream } = await import("./stream-edits.ts");
  return editedStream(head, edits, fill, { edited: blaming(c), broken: brokenAnswer });
}

function replaceBody(c: Exchange, body: BodyInit | null): void {
  const { status } = c.res;
  const headers = answerHeaders(c);
  c.res = undefined;
  c.res = new Response(body, { status, headers });
}

function sendTranslated(c: Exchange, made: EditedBody, refuse: Refuse): void {
  if (made.fault !== undefined) throw refuse(made.fault, made.reason, made.isOfEdit);
  const headers = answerHeaders(c);
  for (const [name, value] of made.fields ?? []) headers.set(name, value);
  const { status } = c.res;
  c.res = undefined;
  c.res = new Response(made.text, { status: made.status ?? status, headers });
}

const refuseRequest: Refuse = (fault, reason) =>
  new SelvageError(fault === "bounds" ? "body_too_large" : "bad_request", `the body cannot be edited: ${reason}`);

const refuseAnswer: Refuse = (_, reason) =>
  new SelvageError("upstream_invalid", `the answer cannot be edited: ${reason}`, { sent: "body" });

/** What its client may not have is kept for nobody: the next one may get a better answer. */
function blaming(c: Exchange): Refuse {
  const takeBack = c.get("takeBack");
  return (fault, reason, isOfEdit) => {
    if (isOfEdit !== true) takeBack?.();
    return refuseAnswer(fault, reason);
  };
}

function weaken(headers: Headers): void {
  const etag = headers.get("etag");
  if (etag !== null) headers.set("etag", weakened(etag));
}

function textOf(bytes: Uint8Array, refuse: Refuse): string {
  const text = utf8Text(bytes);
  if (text === undefined) throw refuse("form", "it is not UTF-8");
  return text;
}

function editText(text: string, kind: JsonKind, edit: Edit, refuse: Refuse): string {
  const edited = (one: string): string => {
    const made = edit(one);
    if (made.fault !== undefined) throw refuse(made.fault, made.reason, made.isOfEdit);
    return made.text;
  };
  if (kind === "json") return edited(text);
  return text
    .split("\n")
    .map((line) => (line.trim() === "" ? line : edited(line)))
    .join("\n");
}

/** @throws SelvageError when there is more in it than is read, or when it is nothing of the kind */
async function decoded(content: Uint8Array, coding: Coding): Promise<Uint8Array> {
  const found = await decodeContent(content, coding, bodyBytesMax);
  if (found === "form") throw refuseRequest("form", `it is not ${coding}`);
  if (found === "bounds") throw refuseRequest("bounds", `decoded it has more than ${bodyBytesMax} bytes`);
  return found;
}

type Body = ReadableStream<Uint8Array>;

const wholeAnswer = async (c: Exchange, body: Body, held: HeldBytes): Promise<BodyHead> => ({
  bytes: await readAnswer(c, body, held, bodyBytesMax, (reason) => blaming(c)("bounds", reason)),
});

const answerHead = (c: Exchange, body: Body, held: HeldBytes): Promise<BodyHead> =>
  readAnswerHead(c, body, held, limits.reshape.streamedFromBytes);

/** Nothing gets no envelope: it is no JSON. */
function enveloped(name: string): ReadableWritablePair<Uint8Array, Uint8Array> {
  const encoder = new TextEncoder();
  let hasBegun = false;
  return new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      if (chunk.byteLength === 0) return;
      if (!hasBegun) controller.enqueue(encoder.encode(`{${JSON.stringify(name)}:`));
      hasBegun = true;
      controller.enqueue(chunk);
    },
    flush: (controller) => {
      if (hasBegun) controller.enqueue(encoder.encode("}"));
    },
  });
}

/** Each line as it comes; an answer with one that cannot be edited breaks off. */
function editedLines(edit: Edit, refuse: Refuse): ReadableWritablePair<Uint8Array, Uint8Array> {
  const encoder = new TextEncoder();
  let rest: Uint8Array[] = [];
  let bytes = 0;
  const finish = (): Uint8Array => {
    const text = textOf(joinBytes(rest, bytes), refuse);
    rest = [];
    bytes = 0;
    return encoder.encode(editText(text, "lines", edit, refuse));
  };
  const keep = (piece: Uint8Array): void => {
    bytes += piece.byteLength;
    if (bytes > lineBytesMax) throw refuse("bounds", `a line has more than ${lineBytesMax} bytes`);
    rest.push(piece);
  };
  return new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      let from = 0;
      for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, from)) {
        keep(chunk.subarray(from, end + 1));
        controller.enqueue(finish());
        from = end + 1;
      }
      if (from < chunk.byteLength) keep(chunk.slice(from));
    },
    flush: (controller) => {
      if (bytes > 0) controller.enqueue(finish());
    },
  });
}

const LINE_FEED = 0x0a;
