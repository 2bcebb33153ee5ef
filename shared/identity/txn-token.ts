/** Claims of a transaction token, draft-ietf-oauth-transaction-tokens section "Txn-Token Body". */
export interface TxnTokenClaims {
  /** Issued at, expiry: seconds since the epoch. */
  readonly iat: number;
  readonly exp: number;
  /** Trust domain. */
  readonly aud: string;
  /** Unique id of the transaction. */
  readonly txn: string;
  readonly sub: string;
  /** Space separated. */
  readonly scope: string;
  /** SPIFFE ID of the workload that asked for it. */
  readonly req_wl: string;
  /** Transaction context: the matched route, and what the document names. */
  readonly tctx: { readonly route: string } & Readonly<Record<string, unknown>>;
  /** Requester context: how the end user proved who it is. */
  readonly rctx: { readonly issuer: string; readonly method: string };
}

/** JOSE header `typ`. */
export const TXN_TOKEN_TYPE = "txntoken+jwt";
/** The only algorithm; never taken from a token. */
export const TXN_TOKEN_ALGORITHM = "ES256";
