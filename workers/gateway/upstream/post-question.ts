import { readText } from "./read-text.ts";

/** Nobody answered, or said that it is out of order: the question was not judged. */
export class NoAnswer extends Error {}

export interface Question {
  readonly url: string;
  readonly headers: Headers;
  readonly body: string;
  readonly timeoutMs: number;
  readonly answerBytesMax: number;
}

/**
 * Posts a question whose answer is JSON with status 200. Redirects are not followed: a question may hold secrets.
 * @returns the text of the answer
 * @throws NoAnswer, and Error for an answer that is none
 */
export async function postQuestion({ url, headers, body, timeoutMs, answerBytesMax }: Question): Promise<string> {
  const signal = AbortSignal.timeout(timeoutMs);
  headers.set("accept", "application/json");
  const response = await fetch(url, { method: "POST", headers, body, redirect: "manual", signal }).catch(
    (cause: unknown) => unanswered(cause, signal),
  );
  const { status } = response;
  if (status !== 200) {
    void response.body?.cancel().catch(() => undefined);
    if (status >= 500 || status === 429) throw new NoAnswer(`answered ${status}`);
    throw new Error(`answered ${status}, expected 200`);
  }
  const type = response.headers.get("content-type") ?? "";
  if (!/^application\/json[ \t]*(?:;|$)/i.test(type)) {
    void response.body?.cancel().catch(() => undefined);
    throw new Error(`answered ${JSON.stringify(type.slice(0, 100))}, expected application/json`);
  }
  return readText(response, answerBytesMax).catch((cause: unknown) => {
    // Too long, or not UTF-8: an answer of that endpoint all the same.
    if (cause instanceof RangeError || cause instanceof TypeError) throw new Error(cause.message);
    return unanswered(cause, signal);
  });
}

function unanswered(cause: unknown, signal: AbortSignal): never {
  if (signal.aborted) throw new NoAnswer("no answer in time");
  throw new NoAnswer(cause instanceof Error ? cause.message : String(cause));
}
