/** Where the key comes from that the agent's state is encrypted under. */
import { randomBytes } from "node:crypto";
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { join as bounds } from "../../shared/limits/join.ts";
import { StateBox } from "./state-box.ts";

/** Beside the state, where nothing else is named: whoever copies the whole folder has it. */
const OWN_FILE = "state.key";
/** Name of a systemd credential (`LoadCredentialEncrypted=`). */
const CREDENTIAL = "selvage-state-key";

/**
 * The file that was named, `SELVAGE_STATE_KEY`, a credential of systemd, or a key file in the folder, made on first need.
 * @param file given by `--state-key-file`
 * @throws with a plain sentence when a key that was named cannot be used
 */
export function openStateBox(
  folder: string,
  file: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): StateBox {
  const own = join(folder, OWN_FILE);
  const named = namedKey(file, environment);
  if (named === undefined) return new StateBox(isMade(own) ? readKey(own) : makeKey(own), own);
  return new StateBox(named.secret, named.source, isMade(own) ? readKey(own) : undefined);
}

/** An empty one is what a loss of power left of an attempt: nothing is sealed under it. */
const isMade = (own: string): boolean => existsSync(own) && statSync(own).size > 0;

function namedKey(
  file: string | undefined,
  { SELVAGE_STATE_KEY, CREDENTIALS_DIRECTORY }: Readonly<Record<string, string | undefined>>,
): { secret: Buffer; source: string } | undefined {
  if (file !== undefined) return { secret: readKey(file), source: file };
  if (SELVAGE_STATE_KEY !== undefined && SELVAGE_STATE_KEY !== "")
    return { secret: checked(Buffer.from(SELVAGE_STATE_KEY.trim()), "SELVAGE_STATE_KEY"), source: "SELVAGE_STATE_KEY" };
  const credential = CREDENTIALS_DIRECTORY === undefined ? undefined : join(CREDENTIALS_DIRECTORY, CREDENTIAL);
  if (credential === undefined || !existsSync(credential)) return undefined;
  return { secret: readKey(credential), source: credential };
}

/** White space at its end is no part of it: editors and `echo` leave a line end. */
function readKey(path: string): Buffer {
  let bytes: Buffer;
  try {
    const { size } = statSync(path);
    if (size > bounds.fileBytesMax) throw new Error(`it has ${size} bytes`);
    bytes = readFileSync(path);
  } catch (error) {
    throw new Error(`cannot read the key for the agent's state, ${path}: ${(error as Error).message}`);
  }
  let end = bytes.length;
  while (end > 0 && [0x0a, 0x0d, 0x20].includes(bytes[end - 1] ?? 0)) end--;
  return checked(bytes.subarray(0, end), path);
}

function checked(secret: Buffer, source: string): Buffer {
  if (secret.length >= bounds.stateKeyBytesMin) return secret;
  throw new Error(
    `${source} holds ${secret.length} bytes, too few for a key: make one by \`openssl rand -hex 32\`, at least ` +
      `${bounds.stateKeyBytesMin} bytes`,
  );
}

/** Whole on the disk before anything is sealed under it. */
function makeKey(path: string): Buffer {
  const secret = Buffer.from(randomBytes(32).toString("base64url"));
  const temporary = `${path}.${process.pid}.tmp`;
  const file = openSync(temporary, "w", 0o600);
  try {
    writeFileSync(file, `${secret}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
  return secret;
}
