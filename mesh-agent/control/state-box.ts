/**
 * What the agent keeps on disk is sealed by AES-256-GCM under a key of the host. The file's name is authenticated, so that no
 * file can be put in another's place.
 */
import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from "node:crypto";
import { join as bounds } from "../../shared/limits/join.ts";

const FORMAT = "selvage-state-1";
const IV_BYTES = 12;
const TAG_BYTES = 16;

interface Sealed {
  readonly format: typeof FORMAT;
  /** Tells a foreign file from a damaged one. */
  readonly key: string;
  /** base64 of IV, ciphertext and tag. */
  readonly data: string;
}

/** A key with what it is known by. */
interface StateKey {
  readonly id: string;
  readonly key: Buffer;
}

/** A file that cannot be opened; what it holds is not lost. */
export class UnreadableState extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "UnreadableState";
  }
}

export class StateBox {
  /** Where its key comes from, for people. */
  readonly source: string;
  readonly #key: StateKey;
  readonly #former: StateKey | undefined;

  /**
   * @param secret at least 32 bytes that nobody can guess
   * @param former what files may still be sealed under; they are sealed anew when they are read
   */
  constructor(secret: Buffer, source: string, former?: Buffer) {
    this.source = source;
    this.#key = derive(secret);
    this.#former = former === undefined ? undefined : derive(former);
  }

  /** @param name of the file */
  seal(name: string, text: string): string {
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv("aes-256-gcm", this.#key.key, iv).setAAD(additional(name));
    const data = Buffer.concat([iv, cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()]);
    return JSON.stringify({ format: FORMAT, key: this.#key.id, data: data.toString("base64") } satisfies Sealed);
  }

  /**
   * @param value the file's content as JSON
   * @returns its text, and whether it has to be sealed anew
   * @throws UnreadableState
   */
  open(name: string, value: Sealed): { readonly text: string; readonly isFormer: boolean } {
    const key = [this.#key, this.#former].find((one) => one?.id === value.key);
    if (key === undefined)
      throw new UnreadableState(
        `${name} is encrypted under another key than ${this.source}: start with the key that it was written with`,
      );
    try {
      const data = Buffer.from(value.data, "base64");
      const end = data.length - TAG_BYTES;
      const decipher = createDecipheriv("aes-256-gcm", key.key, data.subarray(0, IV_BYTES), {
        authTagLength: TAG_BYTES,
      });
      decipher.setAAD(additional(name)).setAuthTag(data.subarray(end));
      const text = Buffer.concat([decipher.update(data.subarray(IV_BYTES, end)), decipher.final()]).toString("utf8");
      return { text, isFormer: key !== this.#key };
    } catch (cause) {
      throw new UnreadableState(`${name} is damaged: what it says was not written by this agent`, cause);
    }
  }
}

export function isSealed(value: unknown): value is Sealed {
  const { format, key, data } = (value ?? {}) as Partial<Sealed>;
  return format === FORMAT && typeof key === "string" && typeof data === "string";
}

const additional = (name: string): Buffer => Buffer.from(`${FORMAT}\n${name}`);

function derive(secret: Buffer): StateKey {
  if (secret.length < bounds.stateKeyBytesMin)
    throw new Error(
      `a key for the agent's state has at least ${bounds.stateKeyBytesMin} bytes, this has ${secret.length}`,
    );
  const key = Buffer.from(hkdfSync("sha256", secret, "", `${FORMAT} key`, 32));
  return { key, id: createHash("sha256").update("selvage-state id").update(key).digest("hex").slice(0, 16) };
}
