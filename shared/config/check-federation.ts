/** Checks of what the document says of other trust domains. */
import { isUnbound, refuseTemplate } from "../identity/outside-names.ts";
import { trustDomainOf } from "../identity/spiffe-id.ts";
import { refuseBundleUrl } from "../policy/federation.ts";
import type { Cursor } from "./cursor.ts";
import { nearestName } from "./nearest-name.ts";
import { type DocumentProblem, error, warning } from "./problem.ts";

export function checkFederation(top: Cursor): DocumentProblem[] {
  const federation = top.get("mesh", "federation");
  const own = top.get("mesh", "trustDomain").text ?? "";
  const named = namedIdentities(top);
  const issuer = top.get("mesh", "identity", "spiffe");
  return [
    ...(issuer.exists ? checkIssuer(issuer, own) : []),
    ...federation.entries.flatMap(([trustDomain, partner]) => checkPartner(trustDomain, partner, own, named)),
    ...named.flatMap((from) => checkNamed(from, federation.keys, own, issuer.exists)),
  ];
}

/** SPIFFE IDs in access rules. */
function namedIdentities(top: Cursor): Cursor[] {
  const rules = top.get("mesh", "services").entries.flatMap(([, service]) => service.get("access").items);
  return rules.map((rule) => rule.get("from")).filter(({ text }) => text?.startsWith("spiffe://") === true);
}

/** The issuer from outside: whom its SPIFFE IDs name. */
function checkIssuer(issuer: Cursor, own: string): DocumentProblem[] {
  const [id, gateway] = [issuer.get("id"), issuer.get("gateway")];
  const problems = checkUrl(issuer.get("bundle"));
  const { text = "" } = id;
  const wrong = text.startsWith("spiffe://") ? refuseTemplate(text, own) : undefined;
  if (wrong !== undefined) problems.push(error("SLV3195", id.path, `no service can be named by this: ${wrong}`));
  else if (isUnbound(text))
    problems.push(
      warning("SLV3196", id.path, `every workload of ${own} that has the name of a service is taken for it`, {
        expected: "a segment that only workloads of the mesh have, such as spiffe://TRUST-DOMAIN/ns/prod/sa/{service}",
      }),
    );
  if (gateway.text?.startsWith("spiffe://") === true && trustDomainOf(gateway.text) !== own)
    problems.push(error("SLV3197", gateway.path, `this is no SPIFFE ID of a workload of ${own}`));
  return problems;
}

function checkUrl(url: Cursor): DocumentProblem[] {
  const wrong = url.text?.startsWith("http") === true ? refuseBundleUrl(url.text) : undefined;
  return wrong === undefined ? [] : [error("SLV3255", url.path, `the URL of a bundle ${wrong}`)];
}

function checkPartner(trustDomain: string, partner: Cursor, own: string, named: readonly Cursor[]): DocumentProblem[] {
  const problems = checkUrl(partner.get("bundle"));
  if (trustDomain === own)
    return [...problems, error("SLV3256", partner.path, `${own} is this mesh's own trust domain`, { at: "key" })];
  if (named.some(({ text }) => trustDomainOf(text ?? "") === trustDomain)) return problems;
  const sentence = `nobody of ${trustDomain} may call: no \`access\` names one of its workloads`;
  return [...problems, warning("SLV3259", partner.path, sentence, { at: "key" })];
}

/** @param hasIssuer an outside issuer may tell its agents of trust domains that the document does not name */
function checkNamed(
  { text = "", path }: Cursor,
  known: readonly string[],
  own: string,
  hasIssuer: boolean,
): DocumentProblem[] {
  const trustDomain = trustDomainOf(text);
  if (trustDomain === undefined || known.includes(trustDomain)) return [];
  if (trustDomain === own) {
    const service = /^spiffe:\/\/[^/]+\/service\/([a-z0-9-]+)$/.exec(text)?.[1];
    const sentence = "a workload of this mesh is named by its service alone";
    return [error("SLV3258", path, sentence, service === undefined ? {} : { suggestion: service })];
  }
  if (hasIssuer) return [];
  const nearest = nearestName(trustDomain, known);
  return [
    error("SLV3257", path, `${trustDomain} is no trust domain of \`mesh.federation\``, {
      expected: known.length === 0 ? "none is defined" : `one of ${known.join(", ")}`,
      ...(nearest !== undefined && { suggestion: text.replace(trustDomain, nearest) }),
    }),
  ];
}
