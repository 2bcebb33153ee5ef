import { DurableObject } from "cloudflare:workers";
import type { RevocationList } from "../../../shared/auth/revocations.ts";
import { textPieces } from "../../../shared/plan/text-pieces.ts";

/** The last plan that an isolate accepted, the revocations, and the sealed keys. */
export interface LastGoodRow {
  /** When the isolate got it from the control plane; an older one never replaces a newer one. */
  readonly leasedAtMs: number;
  readonly version: number;
  readonly hash: string;
  /** Canonical JSON of the gateway's face. */
  readonly plan: string;
  /** Names of the keys. */
  readonly kid?: string;
  /** The keys under AES-GCM; the key is derived from a secret that is not stored here. */
  readonly sealedKey?: string;
  /** Absent: none. */
  readonly revocations?: RevocationList;
}

/** One row that outlives isolates, for starts without the control plane. Plans may exceed one value of the store: SQL text may not. */
export class LastGood extends DurableObject {
  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS last_good (piece INTEGER PRIMARY KEY, text TEXT NOT NULL)");
  }

  read(): LastGoodRow | undefined {
    const pieces = this.ctx.storage.sql.exec<{ text: string }>("SELECT text FROM last_good ORDER BY piece").toArray();
    return pieces.length === 0 ? undefined : (JSON.parse(pieces.map(({ text }) => text).join("")) as LastGoodRow);
  }

  /** Writes only what is newer and differs in plan, key or revocations. */
  write(row: LastGoodRow): void {
    const known = this.read();
    if (known !== undefined && known.leasedAtMs > row.leasedAtMs) return;
    if (known !== undefined && isSame(known, row)) return;
    const text = JSON.stringify(row);
    this.ctx.storage.transactionSync(() => {
      this.ctx.storage.sql.exec("DELETE FROM last_good");
      for (const [piece, part] of textPieces(text, PIECE_CHARS).entries())
        this.ctx.storage.sql.exec("INSERT INTO last_good (piece, text) VALUES (?, ?)", piece, part);
    });
  }
}

function isSame(one: LastGoodRow, other: LastGoodRow): boolean {
  const revision = one.revocations?.revision === other.revocations?.revision;
  return revision && one.version === other.version && one.hash === other.hash && one.kid === other.kid;
}

/** A row holds at most 2 MB; a UTF-16 unit takes at most three bytes in UTF-8. */
const PIECE_CHARS = 500_000;
