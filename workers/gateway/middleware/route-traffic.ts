import { identityKey } from "../../../shared/identity/identity.ts";
import {
  chooseVariant,
  type EdgeMirrorRule,
  type EdgeTrafficRule,
  type VariantChoice,
} from "../../../shared/policy/edge-traffic.ts";
import { tellAnswer } from "../upstream/answer-headers.ts";
import type { Context } from "../upstream/context.ts";
import { askedOf, fieldOf, isCopied } from "../upstream/edge-traffic.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";
import { readContent } from "../upstream/read-content.ts";
import type { Stage } from "../upstream/stages.ts";

/** Which of its targets a route's request goes to: a canary, a variant of an experiment, or as usual. What is to be copied is held. */
export function routeTraffic(): Stage {
  return {
    enter: (c) => {
      const { traffic, mirror } = c.get("route");
      if (traffic !== undefined) choose(c, traffic);
      return mirror === undefined ? undefined : holdForCopies(c, mirror);
    },
  };
}

function holdForCopies(c: Context<GatewayEnv>, mirror: readonly EdgeMirrorRule[]): Promise<undefined> | undefined {
  const { method, headers } = c.req.raw;
  if (!(c.get("body") instanceof ReadableStream)) return undefined;
  if (!isCopied(mirror, method, Number(headers.get("content-length") ?? Number.NaN))) return undefined;
  return readContent(c).then(() => undefined);
}

function choose(c: Context<GatewayEnv>, traffic: readonly EdgeTrafficRule[]): void {
  const identity = c.get("identity");
  const known = identity.method === "anonymous" ? undefined : identityKey(identity);
  const client = { identity: known, ip: c.get("clientIp") };
  const { name } = c.get("route");
  const choice = chooseVariant(traffic, name, askedOf(c), client, fieldOf(c), Math.random());
  if (choice === undefined) return;
  c.set("variant", choice.variant);
  if (choice.cookie !== undefined) tellAnswer(c, [["set-cookie", cookieText(choice.cookie, c.get("scheme"))]]);
}

/** Not out of reach of the page's own requests, but of its scripts. */
function cookieText({ name, value, maxAgeMs }: NonNullable<VariantChoice["cookie"]>, scheme: string): string {
  const secure = scheme === "https" ? "; Secure" : "";
  return `${name}=${value}; Path=/; Max-Age=${Math.ceil(maxAgeMs / 1000)}${secure}; HttpOnly; SameSite=Lax`;
}
