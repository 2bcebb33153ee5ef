/** Whether a client is told what `explain` says that it is told. */
import type { ExplainStep, Explanation } from "../../../shared/plan/explain-step.ts";
import { differ, firstOf, type Happened } from "./happened.ts";

const stepOf = ({ steps }: Explanation, stage: string): ExplainStep | undefined =>
  steps.find((one) => one.stage === stage);

/** @returns what of the answer's head is not as explained */
export function otherAnswer(said: Explanation, { log, headers }: Happened): string | undefined {
  const [route, cors, life] = ["route", "cors", "life cycle"].map((stage) => stepOf(said, stage));
  return firstOf(
    () => (route?.code === "method_not_allowed" ? allowed(route, headers) : undefined),
    () => (cors === undefined ? undefined : readable(cors, headers)),
    () => (log.error === "no_route" ? undefined : endOf(life, headers)),
    () => ownFields(stepOf(said, "redirect"), stepOf(said, "respond"), headers),
    () => (said.result.outcome === "forward" ? constants(said, headers) : undefined),
  );
}

function allowed({ text }: ExplainStep, headers: Headers): string | undefined {
  return differ("allow", text.split("allowed here: ")[1], headers.get("allow"));
}

/** Whether pages of the origin may read it. */
function readable({ text }: ExplainStep, headers: Headers): string | undefined {
  return differ("cors", !/ may not /.test(text), headers.has("access-control-allow-origin"));
}

/** What a life cycle tells. */
function endOf(life: ExplainStep | undefined, headers: Headers): string | undefined {
  const told = life?.verdict === "note" ? life.text.toLowerCase() : "";
  for (const name of ["deprecation", "sunset", "link"]) {
    const value = headers.get(name);
    // A route that has ended says so, beside the refusal.
    if (value === null ? told.includes(`${name}: `) : life?.verdict !== "deny" && !told.includes(`${name}: `))
      return `${name}: explained ${told}, was ${value}`;
    if (
      value !== null &&
      life?.verdict === "note" &&
      name !== "link" &&
      !told.includes(`${name}: ${value.toLowerCase()}`)
    )
      return `${name}: explained ${told}, was ${value}`;
  }
  return undefined;
}

function ownFields(redirect: ExplainStep | undefined, respond: ExplainStep | undefined, headers: Headers) {
  if (redirect !== undefined) return differ("location", redirect.text.split(" to ")[1], headers.get("location"));
  const own = respond?.text.split("; ").find((part) => part.startsWith("x-own: "));
  return respond && differ("x-own", own?.slice("x-own: ".length).trim(), headers.get("x-own") ?? undefined);
}

/** Constant edits of an upstream's answer, by the words of their step. */
function constants({ steps }: Explanation, headers: Headers): string | undefined {
  const text = steps.find(({ stage }) => stage === "response headers")?.text ?? "";
  const named = (edit: string): string[] =>
    text
      .split("; ")
      .find((part) => part.startsWith(`${edit} `))
      ?.slice(edit.length + 1)
      .split(", ") ?? [];
  for (const pair of named("set")) {
    const [name = "", value] = pair.split(": ");
    const differs = differ(`answer's ${name}`, value, headers.get(name));
    if (differs !== undefined) return differs;
  }
  const removed = named("remove").filter((name) => !text.includes(`${name}: `));
  const left = removed.find((name) => headers.has(name));
  return left && `the answer still has ${left}`;
}
