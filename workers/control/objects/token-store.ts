/** Tokens of the API that were made, and those that are revoked. */
import { limits } from "../../../shared/limits.ts";
import type { TokenInfo } from "../../../shared/wire/tokens.ts";

interface TokenRow extends Record<string, SqlStorageValue> {
  jti: string;
  /** `TokenInfo` without what the other columns have. */
  info: string;
  /** Ids of the tokens that it was made by way of, each between bars. */
  ancestors: string;
  expires_at: number;
  revoked_at: number | null;
}

const { tokensMax, tokenDepthMax, tokenLifetimeMaxMs } = limits.control;

export class TokenStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(`CREATE TABLE IF NOT EXISTS control_tokens (
      jti TEXT PRIMARY KEY, info TEXT, ancestors TEXT, expires_at INTEGER, revoked_at INTEGER)`);
  }

  /**
   * @param maker id of the token that it is made with, where that has one
   * @returns why not, if so
   */
  add(made: TokenInfo, maker: string | undefined, nowMs: number): "full" | "too_deep" | "revoked" | undefined {
    this.#sql.exec("DELETE FROM control_tokens WHERE expires_at <= ?", nowMs);
    const { count } = this.#sql.exec<{ count: number }>("SELECT count(*) AS count FROM control_tokens").one();
    if (count >= tokensMax) return "full";
    if (maker !== undefined && this.isRevoked(maker)) return "revoked";
    const known = maker === undefined ? undefined : this.#get(maker);
    const ancestors = maker === undefined ? "|" : `${known?.ancestors ?? "|"}${maker}|`;
    if (ancestors.split("|").length - 2 > tokenDepthMax) return "too_deep";
    this.#put(made, ancestors);
    return undefined;
  }

  /** Those that have not ended, newest first. */
  list(nowMs: number): TokenInfo[] {
    return this.#sql
      .exec<TokenRow>("SELECT * FROM control_tokens WHERE expires_at > ? ORDER BY rowid DESC", nowMs)
      .toArray()
      .map(infoOf);
  }

  isRevoked(jti: string): boolean {
    return (this.#get(jti)?.revoked_at ?? null) !== null;
  }

  /** Whether a token is that other one, or was made by way of it. */
  isOf(jti: string, maker: string): boolean {
    return jti === maker || this.#get(jti)?.ancestors.includes(`|${maker}|`) === true;
  }

  /**
   * A token and all that was made by way of it.
   * @returns those that were not revoked before, the token itself first
   */
  revoke(jti: string, nowMs: number): TokenInfo[] {
    this.#sql.exec(
      "UPDATE control_tokens SET revoked_at = ? WHERE revoked_at IS NULL AND (jti = ? OR instr(ancestors, ?) > 0)",
      nowMs,
      jti,
      `|${jti}|`,
    );
    const rows = this.#sql
      .exec<TokenRow>("SELECT * FROM control_tokens WHERE jti = ? OR instr(ancestors, ?) > 0", jti, `|${jti}|`)
      .toArray()
      .map(infoOf);
    return rows.sort((a, b) => Number(b.jti === jti) - Number(a.jti === jti));
  }

  /** One that was made without this store: remembered for as long as any token can live. */
  revokeUnknown(jti: string, nowMs: number): TokenInfo[] {
    const expiresAtMs = nowMs + tokenLifetimeMaxMs;
    this.#put({ jti, role: "unknown", sub: "", madeAtMs: nowMs, expiresAtMs, madeBy: "" }, "|");
    return this.revoke(jti, nowMs);
  }

  knows(jti: string): boolean {
    return this.#get(jti) !== undefined;
  }

  #put({ jti, expiresAtMs, ...info }: TokenInfo, ancestors: string): void {
    this.#sql.exec(
      "INSERT INTO control_tokens VALUES (?, ?, ?, ?, NULL)",
      jti,
      JSON.stringify(info),
      ancestors,
      expiresAtMs,
    );
  }

  #get(jti: string): TokenRow | undefined {
    return this.#sql.exec<TokenRow>("SELECT * FROM control_tokens WHERE jti = ?", jti).toArray()[0];
  }
}

function infoOf({ jti, info, expires_at: expiresAtMs, revoked_at }: TokenRow): TokenInfo {
  const stated = JSON.parse(info) as Omit<TokenInfo, "jti" | "expiresAtMs">;
  return { jti, ...stated, expiresAtMs, ...(revoked_at !== null && { revokedAtMs: revoked_at }) };
}
