/** Transaction tokens, minted for one (identity, scopes, route) and given out again while enough of their life is left. */
import { SignJWT } from "jose";
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

  /** @throws SelvageError plan_missing while there is no signing key */
  mint(identity: Identity, route: string, held: HeldPlan, nowMs: number): string | Promise<string> {
    if (held.signingKey === undefined) throw new SelvageError("plan_missing", "no signing key for the mesh yet");
    const { trustDomain } = held.plan;
    const key = `${held.signingKey.kid} ${trustDomain} ${route} ${identity.scopes.join(" ")}\n${identityKey(identity)}`;
    const known = this.#minted.get(key);
    if (known !== undefined && known.expMs - nowMs >= limits.txnToken.reuseFloorMs) return known.token;
    return this.#sign(key, txnTokenClaims(identity, route, trustDomain, crypto.randomUUID(), nowMs), held.signingKey);
  }

  async #sign(
    key: string,
    claims: ReturnType<typeof txnTokenClaims>,
    signing: NonNullable<HeldPlan["signingKey"]>,
  ): Promise<string> {
    const token = await new SignJWT({ ...claims })
      .setProtectedHeader({ alg: TXN_TOKEN_ALGORITHM, typ: TXN_TOKEN_TYPE, kid: signing.kid })
      .sign(signing.key);
    this.#minted.set(key, { token, expMs: claims.exp * 1000 });
    return token;
  }
}
