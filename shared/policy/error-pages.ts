/** Pages that stand for the gateway's problem documents, and for errors of upstreams. */
import { acceptWeight } from "../http/accept.ts";
import type { Filling } from "./edit-value.ts";
import { fillJson, fillText } from "./own-body.ts";
import { type AnswersBy, hasStatus, type JsonTemplate } from "./reshape.ts";

export interface ErrorPage {
  /** Codes of the gateway's errors, statuses and classes such as `404` and `5xx`, ascending. */
  readonly on: readonly string[];
  /** Whether it stands for errors of upstreams, too. Absent: for the gateway's own alone. */
  readonly upstream?: true;
  readonly html?: string;
  readonly text?: string;
  readonly json?: JsonTemplate;
  /** By what of a request it is made. Absent: by nothing. */
  readonly by?: AnswersBy;
}

/** An answer that a page may stand for. */
export interface FailedAnswer {
  readonly status: number;
  /** Absent: the upstream's own. */
  readonly code?: string;
}

/** The first page that is for such an answer. */
export function pageFor(pages: readonly ErrorPage[], { status, code }: FailedAnswer): ErrorPage | undefined {
  if (status < 400) return undefined;
  return pages.find(
    ({ on, upstream }) =>
      (code !== undefined || upstream === true) && (hasStatus(on, status) || (code !== undefined && on.includes(code))),
  );
}

export interface FilledPage {
  readonly contentType: string;
  readonly text: string;
}

const JSON_TYPES = ["application/json", "application/problem+json"];

/**
 * The form of a page that a client would rather have than the others, and than what there is already.
 * @param accept of the request
 * @returns undefined: what there is stays, since it is JSON and the client wants no form of the page more
 */
export function fillPage(page: ErrorPage, accept: string | null | undefined, filling: Filling): FilledPage | undefined {
  const { json, html, text } = page;
  const weights = {
    json: acceptWeight(accept, JSON_TYPES),
    html: html === undefined ? -1 : acceptWeight(accept, ["text/html", "application/xhtml+xml"]),
    text: text === undefined ? -1 : acceptWeight(accept, ["text/plain"]),
  };
  const best = Math.max(weights.json, weights.html, weights.text);
  if (weights.json === best || best <= 0)
    return json === undefined
      ? undefined
      : { contentType: "application/json", text: JSON.stringify(fillJson(json, filling)) };
  if (html !== undefined && weights.html === best)
    return { contentType: "text/html; charset=utf-8", text: fillText(html, filling, "html") };
  return { contentType: "text/plain; charset=utf-8", text: fillText(text ?? "", filling, "none") };
}
