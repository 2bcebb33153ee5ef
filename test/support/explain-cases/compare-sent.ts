/** Whether what has left the gateway is what `explain` says that upstreams are asked. */
import type { ExplainStep, Explanation, Result } from "../../../shared/plan/explain-step.ts";
import { callsOf, differ, firstOf, type Happened, placesOf, type Sent, tokenOf, type Upstreams } from "./happened.ts";

/** Says the gateway of each call, and nobody else. */
const OF_THE_HOP =
  /^(txn-token|traceparent|tracestate|selvage-.*|content-length|content-digest|signature|signature-input)$/;

/** The first field that is another one. */
function otherField(said: Readonly<Record<string, string>>, sent: Headers): string | undefined {
  const names = new Set([...Object.keys(said), ...sent.keys()].filter((name) => !OF_THE_HOP.test(name)));
  // Blanks around a value are none of it, and the receiver's to drop.
  const name = [...names].find((one) => said[one] !== sent.get(one)?.trim());
  return name && `field ${name}: explained ${said[name]}, was ${sent.get(name)}`;
}

/** One request to one target. */
export function otherSent(
  said: Explanation,
  result: Result,
  happened: Happened,
  upstreams: Upstreams,
): string | undefined {
  if (result.outcome !== "forward" || result.sent === undefined) return undefined;
  const sent = callsOf(happened)[0];
  if (sent === undefined) return "nothing was sent";
  const { to, method, fields } = result.sent;
  const places = placesOf(result.sent, upstreams);
  return firstOf(
    () => differ("method", method, sent.method),
    () => differ("target", places.find((place) => place === sent.url) ?? places.join(" or "), sent.url),
    () => differ("service", "service" in to ? to.service : null, sent.headers.get("selvage-service")),
    () => otherField(fields, sent.headers),
    () => otherToken(said, sent),
  );
}

/** Whom the token for the mesh names, and what it says of the transaction. */
function otherToken({ steps }: Explanation, sent: Sent): string | undefined {
  const token = tokenOf(sent);
  if (token === undefined) return undefined;
  const auth = steps.findLast(({ stage }) => stage === "auth");
  const isAnonymous = auth === undefined || /^(public|anonymous) ?/.test(auth.text) || auth.text.startsWith("public:");
  const [, scopes = ""] = auth?.text.match(/, scopes: ([^,]*)/) ?? [];
  const context = steps.find(({ stage }) => stage === "context")?.text;
  const { route: _, ...told } = token.tctx as Record<string, unknown>;
  const saidNothing =
    context === undefined || Object.keys(told).every((name) => context.includes(`${name}=`) || context.includes(name));
  return firstOf(
    () => (isAnonymous ? undefined : differ("scopes", scopes.replace(/^none$/, ""), token.scope)),
    () => (saidNothing ? undefined : `context: explained ${context}, was ${JSON.stringify(told)}`),
  );
}

/** Of a refusal: whether anybody was asked. Who refuses inside of the mesh was. */
export function askedBefore(denial: ExplainStep | undefined, happened: Happened): string | undefined {
  const isInside = denial?.stage === "access" || denial?.part !== undefined;
  const calls = callsOf(happened).length;
  return isInside || calls === 0 ? undefined : `explained that ${denial?.stage} refuses, and ${calls} calls were made`;
}
