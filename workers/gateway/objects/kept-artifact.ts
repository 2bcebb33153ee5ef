import { DurableObject } from "cloudflare:workers";
import { limits } from "../../../shared/limits.ts";

const { pieceBytes, keptMs, touchEveryMs } = limits.artifacts;

/** One artifact, in the object of its digest, so that isolates have it without the control plane. It goes when nobody asks any more. */
export class KeptArtifact extends DurableObject {
  readonly #sql: SqlStorage;
  #touchedAtMs = 0;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#sql.exec("CREATE TABLE IF NOT EXISTS pieces (piece INTEGER PRIMARY KEY, bytes BLOB NOT NULL)");
  }

  async read(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const pieces = this.#sql.exec<{ bytes: ArrayBuffer }>("SELECT bytes FROM pieces ORDER BY piece").toArray();
    if (pieces.length === 0) return undefined;
    await this.#touch();
    const whole = new Uint8Array(pieces.reduce((sum, { bytes }) => sum + bytes.byteLength, 0));
    for (const [piece, { bytes }] of pieces.entries()) whole.set(new Uint8Array(bytes), piece * pieceBytes);
    return whole;
  }

  async has(): Promise<boolean> {
    const isHere = this.#sql.exec("SELECT piece FROM pieces LIMIT 1").toArray().length > 0;
    if (isHere) await this.#touch();
    return isHere;
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.ctx.storage.transactionSync(() => {
      this.#sql.exec("DELETE FROM pieces");
      for (let at = 0; at < bytes.byteLength; at += pieceBytes)
        this.#sql.exec("INSERT INTO pieces VALUES (?, ?)", at / pieceBytes, bytes.slice(at, at + pieceBytes));
    });
    await this.#touch();
  }

  override async alarm(): Promise<void> {
    await this.ctx.storage.deleteAll();
  }

  async #touch(): Promise<void> {
    const nowMs = Date.now();
    if (nowMs - this.#touchedAtMs < touchEveryMs) return;
    await this.ctx.storage.setAlarm(nowMs + keptMs);
    this.#touchedAtMs = nowMs;
  }
}
