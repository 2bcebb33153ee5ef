/** Transaction tokens, minted for one (identity, scopes, route, context) and given out again while enough of their life is left. */
import { SignJWT } from "jose";
import type { TxnContext } from "../../../shared/auth/txn-context.ts";
import { txnTokenClaims } from "../../../shared/auth/txn-token-claims.ts";
import { SelvageError } from "../../../shared/errors.ts";
import { type Identity, identityKey } from "../../../shared/identity/identity.ts";
import { TXN_TOKEN_ALGORITHM, TXN_TOKEN_TYPE } from "../../../shared/identity/txn-token.ts";
import { limits } from "../../../shared/limits.ts";
import { BoundedMap } from "../../../shared/policy/bounded-map.ts";
import type { HeldPlan } from "./held-plan.ts";

interface Minted {
  readonly token: string;
  readonly expMs: number;
}

export class TxnTokenMinter {
  readonly #minted = new BoundedMap<Minted>(limits.txnToken.mintedMax);
  /** Those that hardly any other request can use. */
  readonly #ofRequests = new BoundedMap<Minted>(limits.txnToken.mintedOfRequestsMax);

  /** @throws SelvageError plan_missing while there is no signing key */
  mint(
    identity: Identity,
    route: string,
    held: HeldPlan,
    nowMs: number,
    context?: TxnContext,
  ): string | Promise<string> {
    if (held.signingKey === undefined) throw new SelvageError("plan_missing", "no signing key for the mesh yet");
    const { trustDomain } = held.plan;
    const scopes = identity.scopes.join(" ");
    const key = `${held.signingKey.kid} ${trustDomain} ${route} ${scopes}\n${context?.text ?? ""}\n${identityKey(identity)}`;
    const minted = context?.ofRequest === true ? this.#ofRequests : this.#minted;
    const known = minted.get(key);
    if (known !== undefined && known.expMs - nowMs >= limits.txnToken.reuseFloorMs) return known.token;
    const claims = txnTokenClaims(identity, route, trustDomain, crypto.randomUUID(), nowMs, context?.values);
    return this.#sign(minted, key, claims, held.signingKey);
  }

  async #sign(
    minted: BoundedMap<Minted>,
    key: string,
    claims: ReturnType<typeof txnTokenClaims>,
    signing: NonNullable<HeldPlan["signingKey"]>,
  ): Promise<string> {
    const token = await new SignJWT({ ...claims })
      .setProtectedHeader({ alg: TXN_TOKEN_ALGORITHM, typ: TXN_TOKEN_TYPE, kid: signing.kid })
      .sign(signing.key);
    minted.set(key, { token, expMs: claims.exp * 1000 });
    return token;
  }
}
