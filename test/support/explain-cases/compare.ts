/** What `explain` says of a request against what became of it: route, who asks, outcome, what went on, what came back. */
import type { Explanation } from "../../../shared/plan/explain-step.ts";
import { otherAnswer } from "./compare-answer.ts";
import { otherParts } from "./compare-parts.ts";
import { askedBefore, otherSent } from "./compare-sent.ts";
import { otherShadow } from "./compare-shadow.ts";
import { denialOf, differ, drawnOf, firstOf, type Happened, type Upstreams } from "./happened.ts";
import { isLeftOpen, isOfSiblings, isUnknown } from "./open-ends.ts";

/** @returns what they do not agree on */
export function disagreement(said: Explanation, happened: Happened, upstreams: Upstreams): string | undefined {
  const { log, status } = happened;
  if (isOfSiblings(said, happened) && said.route?.name !== log.route) return undefined;
  const differs = firstOf(
    () => otherRoute(said, happened),
    () => (isLeftOpen(said, happened) ? undefined : otherEnd(said, happened, upstreams)),
  );
  return differs && `${differs} (${status}, ${String(log.error)}: ${String(log.reason)})`;
}

function otherRoute({ route }: Explanation, { log }: Happened): string | undefined {
  // What is out of service has no name in the log, and whom no sibling takes has that of the first.
  const isNamed = log.error !== "route_quarantined" && !(log.error === "no_route" && log.route !== undefined);
  return isNamed ? differ("route", route?.name, log.route) : undefined;
}

/** Whom the log names is whom the last step of authentication does. */
function otherIdentity({ steps }: Explanation, { log }: Happened): string | undefined {
  const auth = steps.findLast(({ stage }) => stage === "auth");
  if (auth?.verdict !== "pass" || log.sub === undefined || isUnknown(auth)) return undefined;
  const who = auth.text.startsWith("public:") ? "anonymous" : auth.text.split(" ", 1)[0];
  return differ("who asks", who, log.sub);
}

function otherEnd(said: Explanation, happened: Happened, upstreams: Upstreams): string | undefined {
  const { log, status } = happened;
  const result = drawnOf(said, log);
  if (said.steps.some(({ stage, code }) => stage === "cache" && code === "not_stored"))
    return firstOf(
      () => differ("outcome", "answer", result.outcome),
      () => differ("error", log.cache === "hit" ? undefined : "not_stored", log.error),
    );
  if (result.outcome === "refuse")
    return firstOf(
      () => differ("refusal", result.code, log.error),
      () => differ("status", result.status, status),
      () => otherIdentity(said, happened),
      () => askedBefore(denialOf(said), happened),
      () => otherAnswer(said, happened),
    );
  const isUpgrade = said.steps.some(({ stage, verdict }) => stage === "upgrade" && verdict === "pass");
  const good = result.outcome === "answer" ? result.status : isUpgrade ? 101 : 200;
  return firstOf(
    () => differ("error", undefined, log.error),
    () => differ("status", good ?? status, status),
    () => otherIdentity(said, happened),
    () => otherShadow(said, happened),
    () => (result.outcome === "answer" ? undefined : otherSent(said, result, happened, upstreams)),
    () => otherParts(said, happened),
    () => otherAnswer(said, happened),
  );
}
