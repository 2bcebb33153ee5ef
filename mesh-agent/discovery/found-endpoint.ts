import type { Endpoint } from "../../shared/wire/endpoint.ts";

/** An endpoint that a source named, and no agent registered. */
export interface FoundEndpoint extends Endpoint {
  readonly isFound: true;
}

export function isFound(endpoint: Endpoint): endpoint is FoundEndpoint {
  return "isFound" in endpoint;
}
