/** What the config store keeps about those who use the API: their tokens, what they did, and what they tap. */
import { DurableObject } from "cloudflare:workers";
import type { ToldTap } from "../../../shared/policy/tap-source.ts";
import type { AuditPage } from "../../../shared/wire/audit.ts";
import type { TokenInfo } from "../../../shared/wire/tokens.ts";
import type { Env } from "../env.ts";
import { AuditLog } from "./audit-log.ts";
import type { AccessRpc, Act, Actor, AuditQuery, Refused, RefusedAct } from "./rpc.ts";
import { TokenStore } from "./token-store.ts";
import { ToldTaps } from "./told-taps.ts";

export class AccessStore extends DurableObject<Env> implements AccessRpc {
  protected readonly acts: AuditLog;
  protected readonly taps = new ToldTaps();
  readonly #tokens: TokenStore;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const { sql } = ctx.storage;
    this.acts = new AuditLog(sql, (work) => ctx.waitUntil(work));
    this.#tokens = new TokenStore(sql);
  }

  async tapping(taps: readonly ToldTap[]): Promise<void> {
    this.taps.put(taps, Date.now());
  }

  async addToken(made: TokenInfo, maker: Actor): Promise<Refused | undefined> {
    const nowMs = Date.now();
    const why = this.#tokens.add(made, maker.jti, nowMs);
    if (why === "full") return refused("tokens_full", "too many tokens that have not ended");
    if (why === "revoked") return refused("credentials_invalid", `the token ${maker.jti} was revoked`);
    if (why === "too_deep")
      return refused("token_exceeds", "too many tokens were made with one another on the way here");
    this.acts.add({ act: "token", ...actorOf(maker), version: 0, detail: describe(made) }, nowMs);
    return undefined;
  }

  async tokens(): Promise<TokenInfo[]> {
    return this.#tokens.list(Date.now());
  }

  async isRevoked(jti: string): Promise<boolean> {
    return this.#tokens.isRevoked(jti);
  }

  async revokeToken(jti: string, by: Actor): Promise<{ revoked: TokenInfo[] } | Refused> {
    const nowMs = Date.now();
    const isOwn = by.role === "admin" || (by.jti !== undefined && this.#tokens.isOf(jti, by.jti));
    if (!isOwn) return refused("token_unknown", `${by.sub} has made no token ${jti}`);
    const revoked = this.#tokens.knows(jti) ? this.#tokens.revoke(jti, nowMs) : this.#tokens.revokeUnknown(jti, nowMs);
    const [first, ...others] = revoked;
    const more = others.length === 0 ? "" : `, and ${others.length} made with it`;
    const detail = `${first === undefined ? jti : describe(first)}${more}`;
    this.acts.add({ act: "token-revoke", ...actorOf(by), version: 0, detail }, nowMs);
    return { revoked };
  }

  async audit(act: Act): Promise<void> {
    this.acts.add(act, Date.now());
  }

  async auditRefused(act: RefusedAct): Promise<void> {
    this.acts.addRefused(act, Date.now());
  }

  async auditLog(query: AuditQuery): Promise<AuditPage> {
    return this.acts.page(query);
  }
}

/** Who did something, as the audit log has it. */
export function actorOf({ sub, role, author, address }: Actor): Pick<Act, "by" | "author" | "role" | "address"> {
  return { by: sub, role, author: author ?? sub, ...(address !== undefined && { address }) };
}

function describe({ jti, role, sub, owners }: TokenInfo): string {
  return `${jti}: ${role}${owners === undefined ? "" : ` of ${owners.join(", ")}`}${sub === "" ? "" : ` for ${sub}`}`;
}

function refused(code: Refused["refused"]["code"], reason: string): Refused {
  return { refused: { code, reason } };
}
