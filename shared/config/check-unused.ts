/** What a document declares and nothing in it uses. Limits, contracts, upstreams and the like are told where they are checked. */
import { GATEWAY_SERVICE } from "../identity/spiffe-id.ts";
import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, warning } from "./problem.ts";
import { usesIn } from "./route-targets.ts";
import { quote } from "./schema-problems.ts";

export function checkUnused(top: Cursor): DocumentProblem[] {
  const gateway = top.get("gateway");
  const auths = authsOf(top);
  const providers = new Set(
    auths.flatMap((auth) => [...auth.texts, ...auth.get("any").texts, ...auth.get("all").texts]),
  );
  const points = new Set(auths.flatMap((auth) => [...auth.get("decision").texts, ...auth.get("decision", "by").texts]));
  // Of logins it is told that nobody can use them.
  const named = gateway
    .get("identity")
    .entries.filter(([name, one]) => !providers.has(name) && !one.get("oidc").exists);
  const asked = gateway.get("decisions").entries.filter(([name]) => !points.has(name));
  return [
    ...named.map(([name, { path }]) =>
      unused(`no route asks for the identity provider ${quote(name)}`, path, `\`auth: ${name}\` in a route`),
    ),
    ...asked.map(([name, { path }]) =>
      unused(`no route asks the decision point ${quote(name)}`, path, `\`decision: ${name}\` in \`auth\` of a route`),
    ),
    ...checkServices(top),
  ];
}

const unused = (text: string, path: Cursor["path"], expected: string): DocumentProblem =>
  warning("SLV3246", path, text, { at: "key", expected });

function authsOf(top: Cursor): Cursor[] {
  const exposed = top.get("mesh", "services").entries.map(([, service]) => service.get("expose"));
  return [top.get("gateway"), ...exposed].flatMap((place) =>
    place.get("routes").items.map((route) => route.get("auth")),
  );
}

/** Services that only the gateway may call, and that it leads nobody to. A list of nobody is meant. */
function checkServices(top: Cursor): DocumentProblem[] {
  if (!top.get("gateway").exists) return [];
  const led = new Set(usesIn(top).map(({ name }) => name));
  return top.get("mesh", "services").entries.flatMap(([name, service]) => {
    const callers = service.get("access").items.map((rule) => rule.get("from").text);
    const isForGateway = callers.length > 0 && callers.every((from) => from === GATEWAY_SERVICE);
    if (!isForGateway || led.has(name) || service.get("expose").exists) return [];
    return [
      unused(
        `nobody calls ${name}: only the gateway may, and no route leads there`,
        service.path,
        `\`to: ${name}\` in a route`,
      ),
    ];
  });
}
