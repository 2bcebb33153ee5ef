/** Checks of what the document says of other trust domains. */
import { trustDomainOf } from "../identity/spiffe-id.ts";
import { refuseBundleUrl } from "../policy/federation.ts";
import type { Cursor } from "./cursor.ts";
import { nearestName } from "./nearest-name.ts";
import { type DocumentProblem, error, warning } from "./problem.ts";

export function checkFederation(top: Cursor): DocumentProblem[] {
  const federation = top.get("mesh", "federation");
  const own = top.get("mesh", "trustDomain").text ?? "";
  const named = namedIdentities(top);
  return [
    ...federation.entries.flatMap(([trustDomain, partner]) => checkPartner(trustDomain, partner, own, named)),
    ...named.flatMap((from) => checkNamed(from, federation.keys, own)),
  ];
}

/** SPIFFE IDs in access rules. */
function namedIdentities(top: Cursor): Cursor[] {
  const rules = top.get("mesh", "services").entries.flatMap(([, service]) => service.get("access").items);
  return rules.map((rule) => rule.get("from")).filter(({ text }) => text?.startsWith("spiffe://") === true);
}

function checkPartner(trustDomain: string, partner: Cursor, own: string, named: readonly Cursor[]): DocumentProblem[] {
  const url = partner.get("bundle");
  const wrong = url.text?.startsWith("http") === true ? refuseBundleUrl(url.text) : undefined;
  const problems = wrong === undefined ? [] : [error("SLV3255", url.path, `the URL of a bundle ${wrong}`)];
  if (trustDomain === own)
    return [...problems, error("SLV3256", partner.path, `${own} is this mesh's own trust domain`, { at: "key" })];
  if (named.some(({ text }) => trustDomainOf(text ?? "") === trustDomain)) return problems;
  const sentence = `nobody of ${trustDomain} may call: no \`access\` names one of its workloads`;
  return [...problems, warning("SLV3259", partner.path, sentence, { at: "key" })];
}

function checkNamed({ text = "", path }: Cursor, known: readonly string[], own: string): DocumentProblem[] {
  const trustDomain = trustDomainOf(text);
  if (trustDomain === undefined || known.includes(trustDomain)) return [];
  if (trustDomain === own) {
    const service = /^spiffe:\/\/[^/]+\/service\/([a-z0-9-]+)$/.exec(text)?.[1];
    const sentence = "a workload of this mesh is named by its service alone";
    return [error("SLV3258", path, sentence, service === undefined ? {} : { suggestion: service })];
  }
  const nearest = nearestName(trustDomain, known);
  return [
    error("SLV3257", path, `${trustDomain} is no trust domain of \`mesh.federation\``, {
      expected: known.length === 0 ? "none is defined" : `one of ${known.join(", ")}`,
      ...(nearest !== undefined && { suggestion: text.replace(trustDomain, nearest) }),
    }),
  ];
}
