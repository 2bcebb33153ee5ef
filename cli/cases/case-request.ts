import type { RequestOptions } from "../explain-request.ts";
import type { RequestCase } from "./case-schema.ts";

/** A case's request as the options of `selvage explain`. */
export function optionsOf({ headers = {}, as, scopes, claims, from }: RequestCase["request"]): RequestOptions {
  return {
    header: Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ...(as !== undefined && { as }),
    ...(scopes !== undefined && { scope: scopes.join(",") }),
    ...(claims !== undefined && {
      claim: Object.entries(claims).map(([name, value]) => `${name}=${JSON.stringify(value)}`),
    }),
    ...(from !== undefined && { from }),
  };
}
