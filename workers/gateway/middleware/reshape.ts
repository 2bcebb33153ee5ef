import type { Sent } from "../../../shared/errors.ts";
import { editFields } from "../../../shared/policy/edit-fields.ts";
import type { HeldBytes } from "../../../shared/policy/held-bytes.ts";
import {
  type AnswerReshape,
  type JsonTemplate,
  mappedStatus,
  type RequestReshape,
  type Reshape,
  readsAnswers,
} from "../../../shared/policy/reshape.ts";
import type { EditedBody, Reshaper } from "../../../shared/policy/reshaper.ts";
import { answerHeaders } from "../upstream/answer-headers.ts";
import { askForWhole } from "../upstream/ask-for-readable.ts";
import type { Context } from "../upstream/context.ts";
import { markAnswer, setStatus } from "../upstream/edited-answer.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";
import { requestFacts } from "../upstream/request-facts.ts";
import { secretsOf, withSecretCode } from "../upstream/secrets.ts";
import type { Stage } from "../upstream/stages.ts";

/**
 * Edits that depend on the request: to the request before it goes on, to the answer after it came.
 * @param held what the isolate holds of bodies
 */
export function reshape(held: HeldBytes): Stage {
  return {
    enter: (c) => {
      const { reshape } = c.get("route");
      if (reshape === undefined) return undefined;
      if (readsAnswers(reshape)) askForWhole(c);
      const { request } = reshape;
      if (request === undefined) return undefined;
      return withCode("none", () => {
        if (request.json !== undefined || request.body !== undefined)
          return editRequestBody(c, request).then(() => editRequest(c, request));
        return editRequest(c, request);
      });
    },
    leave: (c) => {
      const { reshape } = c.get("route");
      if (reshape?.answers === undefined) return undefined;
      return withCode("body", () => editAnswer(c, reshape, held));
    },
  };
}

function editRequest(c: Context<GatewayEnv>, edits: RequestReshape): undefined {
  c.set("reshaped", reshaperOf(c).request(edits, c.get("fields"), requestFacts(c), secretsOf(c.env)));
}

async function editRequestBody(c: Context<GatewayEnv>, { body, json = {} }: RequestReshape): Promise<void> {
  const facts = requestFacts(c);
  const content = await import("../upstream/edit-content.ts");
  const [reshaper, secret] = [reshaperOf(c), secretsOf(c.env)];
  const edit = (text: string): EditedBody => reshaper.body(text, json, facts, secret);
  const translation = await content.translationOf(body, (received, translator) =>
    reshaper.translated(received, translator, json, facts, secret),
  );
  const fill = (template: JsonTemplate): unknown => reshaper.value(template, facts, secret);
  await content.editRequestBody(c, { edits: json, edit, fill }, translation);
}

function editAnswer(c: Context<GatewayEnv>, reshape: Reshape, held: HeldBytes): Promise<void> | undefined {
  const reshaper = reshaperOf(c);
  const facts = requestFacts(c);
  const answer = { status: c.res.status, fields: new Map(c.res.headers) };
  const filling = reshaper.answerFilling(facts, answer, secretsOf(c.env));
  // The gateway's own refusals keep their status and body: they say what they are.
  const isOwn = c.get("failure") !== undefined;
  const finish = (edits: AnswerReshape): void => {
    if (edits.fields !== undefined) editFields(answerHeaders(c), edits.fields, filling);
    if (edits.statuses !== undefined && !isOwn) setStatus(c, mappedStatus(edits.statuses, c.res.status));
  };
  const chosen = reshaper.chosen(reshape, facts, answer);
  const mark = (): void => {
    if (reshape.answersBy !== undefined) markAnswer(answerHeaders(c), reshape.answersBy);
  };
  const isRead = !isOwn && chosen.some(({ body, json }) => body !== undefined || json !== undefined);
  if (!isRead) {
    for (const edits of chosen) finish(edits);
    if (chosen.some((edits) => reshaper.isByRequest(edits))) c.set("takeBack", undefined);
    mark();
    return undefined;
  }
  return (async () => {
    const content = await import("../upstream/edit-content.ts");
    for (const edits of chosen) {
      const { body, json = {} } = edits;
      const edit = (text: string): EditedBody => reshaper.body(text, json, facts, secretsOf(c.env), answer);
      const translation = await content.translationOf(body, (received, translator) =>
        reshaper.translated(received, translator, json, facts, secretsOf(c.env), answer),
      );
      const fill = (template: JsonTemplate): unknown => reshaper.value(template, facts, secretsOf(c.env), answer);
      if (edits.json !== undefined || body !== undefined)
        await content.editAnswerBody(c, { edits: json, edit, fill }, held, translation);
      finish(edits);
      // Whatever is wrong with it from here on may be the client's doing.
      if (reshaper.isByRequest(edits)) c.set("takeBack", undefined);
    }
    mark();
  })();
}

/** The plan was not held without it. */
function reshaperOf(c: Context<GatewayEnv>): Reshaper {
  const { reshaper } = c.get("held");
  if (reshaper === undefined) throw new Error("a plan with edits is held without what carries them out");
  return reshaper;
}

function withCode<Done extends Promise<unknown> | undefined>(sent: Sent, edit: () => Done): Done {
  const fail = (cause: unknown): never => {
    throw withSecretCode(cause, sent);
  };
  try {
    const done = edit();
    return (done instanceof Promise ? done.catch(fail) : done) as Done;
  } catch (cause) {
    return fail(cause);
  }
}
