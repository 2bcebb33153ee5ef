/** Fields that prove who somebody is (RFC 9110 section 11, RFC 9449, this project's `Txn-Token`): their values are never written down. */
export const CREDENTIAL_FIELDS: ReadonlySet<string> = new Set([
  "authorization",
  "proxy-authorization",
  "cookie",
  "dpop",
  "txn-token",
  "x-selvage-explain",
  "x-api-key",
]);
