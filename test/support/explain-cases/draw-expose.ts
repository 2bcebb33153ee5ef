/** What a service shows to the outside by its own agents. */
import type { Draw } from "./draw.ts";
import { drawAuth, drawLimit, drawMatch } from "./draw-document.ts";
import { HEADERS, SEGMENTS } from "./words.ts";

type Json = Record<string, unknown>;

export function drawExpose(draw: Draw, host: string): Json {
  return {
    hosts: [host],
    ...draw.maybe(50, "cors", () => ({ origins: ["https://app.shop.example"], methods: ["GET", "POST"] })),
    ...draw.maybe(40, "identityHeaders", () => ({ "x-user": "{identity.sub}" })),
    routes: Array.from({ length: 2 + draw.below(5) }, (_, at) => drawRoute(draw, `r${at}`)),
  };
}

function drawRoute(draw: Draw, name: string): Json {
  const { hosts: _, version: __, ip: ___, ...match } = drawMatch(draw);
  const params = [...String(match.path).matchAll(/\{(\w+)/g)].map(([, one]) => one as string);
  const auth = drawAuth(draw, []);
  const rest = String(match.path).endsWith("*") ? "/*" : "";
  return {
    ...{ name, match },
    ...(auth !== undefined && { auth: JSON.parse(JSON.stringify(auth).replaceAll("partners", "login")) }),
    ...draw.maybe(10, "maxBody", () => "8B"),
    ...draw.maybe(25, "rewrite", () => `/${draw.one(SEGMENTS)}${params.map((one) => `/{${one}}`).join("")}${rest}`),
    ...draw.maybe(25, "rateLimit", () => drawLimit(draw, auth !== undefined, params)),
    ...draw.maybe(40, "transform", () => ({
      request: { headers: { set: { "x-new": "external" }, remove: [draw.one(HEADERS)] } },
      response: { headers: { set: { "x-told": "told" } } },
    })),
  };
}
