import { limits } from "../../../shared/limits.ts";

const { pieceBytes, unnamedMs, unnamedBytesMax } = limits.artifacts;

/**
 * Artifacts by digest. What a version names stays as long as that version; what was sent and is not named yet, for a while.
 */
export class ArtifactStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec("CREATE TABLE IF NOT EXISTS artifacts (digest TEXT PRIMARY KEY, bytes INTEGER, put_at INTEGER)");
    sql.exec(
      "CREATE TABLE IF NOT EXISTS artifact_pieces (digest TEXT, piece INTEGER, bytes BLOB, PRIMARY KEY (digest, piece))",
    );
    sql.exec(
      "CREATE TABLE IF NOT EXISTS artifact_uses (version INTEGER, name TEXT, digest TEXT, PRIMARY KEY (version, name))",
    );
    sql.exec("CREATE INDEX IF NOT EXISTS artifact_uses_by_digest ON artifact_uses (digest)");
  }

  /** Those that are not here. What is here is kept for a while longer, for whoever asks is about to name it. */
  missing(digests: readonly string[], nowMs: number): string[] {
    return digests.filter(
      (digest) =>
        this.#sql.exec("UPDATE artifacts SET put_at = ? WHERE digest = ? RETURNING digest", nowMs, digest).toArray()
          .length === 0,
    );
  }

  /** @returns false: there is no room for more that no version names */
  put(digest: string, bytes: Uint8Array, nowMs: number): boolean {
    this.#forgetUnnamed(nowMs);
    if (this.missing([digest], nowMs).length === 0) return true;
    if (this.#unnamedBytes() + bytes.byteLength > unnamedBytesMax) return false;
    this.#sql.exec("INSERT INTO artifacts VALUES (?, ?, ?)", digest, bytes.byteLength, nowMs);
    for (let piece = 0; piece * pieceBytes < bytes.byteLength; piece++) {
      const part = bytes.slice(piece * pieceBytes, (piece + 1) * pieceBytes);
      this.#sql.exec("INSERT INTO artifact_pieces VALUES (?, ?, ?)", digest, piece, part);
    }
    return true;
  }

  get(digest: string): Uint8Array<ArrayBuffer> | undefined {
    const known = this.#sql
      .exec<{ bytes: number }>("SELECT bytes FROM artifacts WHERE digest = ?", digest)
      .toArray()[0];
    if (known === undefined) return undefined;
    const whole = new Uint8Array(known.bytes);
    const pieces = this.#sql.exec<{ piece: number; bytes: ArrayBuffer }>(
      "SELECT piece, bytes FROM artifact_pieces WHERE digest = ? ORDER BY piece",
      digest,
    );
    for (const { piece, bytes } of pieces) whole.set(new Uint8Array(bytes), piece * pieceBytes);
    return whole;
  }

  /** Writes down what a version names. */
  name(version: number, table: Readonly<Record<string, string>>): void {
    for (const [name, digest] of Object.entries(table))
      this.#sql.exec("INSERT INTO artifact_uses VALUES (?, ?, ?)", version, name, digest);
  }

  namedBy(version: number): Record<string, string> {
    const rows = this.#sql.exec<{ name: string; digest: string }>(
      "SELECT name, digest FROM artifact_uses WHERE version = ? ORDER BY name",
      version,
    );
    return Object.fromEntries([...rows].map(({ name, digest }) => [name, digest]));
  }

  forgetVersion(version: number, nowMs: number): void {
    this.#sql.exec("DELETE FROM artifact_uses WHERE version = ?", version);
    this.#forgetUnnamed(nowMs);
  }

  #forgetUnnamed(nowMs: number): void {
    const old = this.#sql.exec<{ digest: string }>(
      "DELETE FROM artifacts WHERE put_at < ? AND digest NOT IN (SELECT digest FROM artifact_uses) RETURNING digest",
      nowMs - unnamedMs,
    );
    for (const { digest } of old.toArray()) this.#sql.exec("DELETE FROM artifact_pieces WHERE digest = ?", digest);
  }

  #unnamedBytes(): number {
    const { total } = this.#sql
      .exec<{ total: number | null }>(
        "SELECT sum(bytes) AS total FROM artifacts WHERE digest NOT IN (SELECT digest FROM artifact_uses)",
      )
      .one();
    return total ?? 0;
  }
}
