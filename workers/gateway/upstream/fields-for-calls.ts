import { DIGESTS } from "../../../shared/http/content-kind.ts";
import type { RequestFields } from "./request-fields.ts";

/** What of a request's fields the calls that are made for it have: all but what is about its own content. */
export function fieldsForCalls(fields: RequestFields): RequestFields {
  const given = fields.copy();
  for (const name of OWN_TO_REQUEST) given.delete(name);
  return given;
}

/** Fields that speak of the client's own request and would be untrue of a part's. */
const OWN_TO_REQUEST = [
  "content-type",
  "content-length",
  "content-encoding",
  "content-language",
  ...DIGESTS,
  "range",
  "if-match",
  "if-none-match",
  "if-modified-since",
  "if-unmodified-since",
  "if-range",
  "accept-encoding",
];
