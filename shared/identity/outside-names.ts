/**
 * How the SPIFFE IDs of an outside issuer, such as SPIRE, name services: by a template such as
 * `spiffe://shop.internal/ns/prod/sa/{service}`, in which `{service}` is the segment that is the name and a segment `*` any one.
 */
import { GATEWAY_SERVICE, isServiceName, isTrustDomain, spiffeIdOf, trustDomainOf } from "./spiffe-id.ts";

export interface OutsideNames {
  /** The template. */
  readonly id: string;
  /** SPIFFE ID of ingresses. Absent: none has an SVID of that issuer. */
  readonly gateway?: string | undefined;
}

const SERVICE = "{service}";
const ANY = "*";
const LITERAL = /^[A-Za-z0-9._-]+$/;

interface Template {
  readonly trustDomain: string;
  readonly segments: readonly string[];
}

function split(text: string): Template | undefined {
  const [, trustDomain = "", path = ""] = /^spiffe:\/\/([^/]*)\/(.+)$/.exec(text) ?? [];
  return isTrustDomain(trustDomain) ? { trustDomain, segments: path.split("/") } : undefined;
}

/** Why a text is no such template for a trust domain; undefined: it is one. */
export function refuseTemplate(text: string, trustDomain: string): string | undefined {
  const template = split(text);
  if (template === undefined) return "it does not begin with spiffe://, a trust domain and a path";
  const { segments } = template;
  const odd = segments.find((one) => ![SERVICE, ANY].includes(one) && (!LITERAL.test(one) || /^\.{1,2}$/.test(one)));
  if (odd !== undefined) return `its segment "${odd}" is neither a plain text, * nor ${SERVICE}`;
  if (segments.filter((one) => one === SERVICE).length !== 1) return `it has to hold ${SERVICE} once, as a segment`;
  if (template.trustDomain !== trustDomain)
    return `it is of the trust domain ${template.trustDomain}, the mesh is ${trustDomain}`;
  return undefined;
}

/** Whether the template says nothing of a workload but where its name stands. */
export function isUnbound(text: string): boolean {
  return split(text)?.segments.every((one) => one === ANY || one === SERVICE) === true;
}

/**
 * What a SPIFFE ID is in this mesh: of a workload that the names are about `spiffe://TRUST-DOMAIN/service/NAME`, else itself.
 * Nobody is the gateway by the template.
 * @param names undefined: there is no outside issuer
 */
export function meshIdOf(names: OutsideNames | undefined, spiffeId: string): string {
  const service = names === undefined ? undefined : outsideService(names, spiffeId);
  return service === undefined ? spiffeId : spiffeIdOf(trustDomainOf(spiffeId) ?? "", service);
}

/** The service that an outside issuer's SPIFFE ID names; compared byte by byte. */
export function outsideService({ id, gateway }: OutsideNames, spiffeId: string): string | undefined {
  if (trustDomainOf(spiffeId) === undefined) return undefined;
  if (gateway === spiffeId) return GATEWAY_SERVICE;
  const [template, given] = [split(id), split(spiffeId)];
  if (template?.trustDomain !== given?.trustDomain || template?.segments.length !== given?.segments.length)
    return undefined;
  let service: string | undefined;
  for (const [at, wanted] of (template?.segments ?? []).entries()) {
    const segment = given?.segments[at];
    if (wanted === SERVICE) service = segment;
    else if (wanted !== ANY && wanted !== segment) return undefined;
  }
  return service !== undefined && service !== GATEWAY_SERVICE && isServiceName(service) ? service : undefined;
}
