/** What the document says to others: upstreams of an identity, and clients of what protects a resource. */
import * as z from "zod";
import { limits } from "../limits.ts";
import { flag, headerName, list, name, scope, text, url } from "./fields.ts";

const template = text("a template such as {identity.sub}", /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/);

export const identityHeaders = z.record(headerName, template);

export const context = z.record(
  name("the name of a context member"),
  z.union([text("a constant, or one value such as {identity.claims.tenant}", /^[\s\S]*$/), z.number(), flag]),
);

export const resource = z.strictObject({
  identifier: url.describe("Its URL, exactly as clients use it; routes at or below its path belong to it."),
  name: text("a name for people", /^[^\p{Cc}]{1,256}$/u)
    .optional()
    .describe("For people."),
  documentation: url.optional().describe("Page for developers."),
  policy: url.optional().describe("Page on how clients may use the data."),
  terms: url.optional().describe("Page with the terms of service."),
  authorizationServers: list(url).optional().describe("Default: the issuers of the JWT providers of its routes."),
  scopes: list(scope).optional().describe("Default: those that its routes ask for."),
});
export const resources = list(resource).max(limits.resource.resourcesMax, {
  error: `a list of at most ${limits.resource.resourcesMax}`,
});

export type ResourceConfig = z.infer<typeof resource>;
export type ContextConfig = z.infer<typeof context>;
export type IdentityHeadersConfig = z.infer<typeof identityHeaders>;
