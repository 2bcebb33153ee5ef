/** The state folder of a local system: who runs on it, and the keys that are made when it is first used. */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import * as z from "zod";
import { isAlive, startTimeOf } from "./process-info.ts";

const KEYS_FILE = "keys.json";
const LOCK_FILE = "supervisor.pid";
const SECRETS_FILE = "secrets";

const keysSchema = z.object({
  /** Key of control tokens, base64url. */
  tokenSecret: z.string().min(43),
  /** Key-encrypting key of the authority, base64url of 32 bytes. */
  keySecret: z.string().length(43),
  /** What API keys are hashed under; whoever loses it has lost them. Absent in folders of earlier releases. */
  keyPepper: z.string().length(43).optional(),
  /** Key of the tokens by which the control plane administers API keys. */
  keyAdminSecret: z.string().length(43).optional(),
  /** What the cookies of browsers' sessions are encrypted under; whoever changes it ends every session. */
  sessionSecret: z.string().length(43).optional(),
});
export type SystemKeys = Readonly<Record<keyof z.infer<typeof keysSchema>, string>>;

/** Absolute path of the state folder: the argument, else SELVAGE_STATE, else `.selvage` in the current folder. */
export function stateFolderOf(chosen?: string): string {
  return path.resolve(chosen ?? (process.env.SELVAGE_STATE || ".selvage"));
}

/**
 * Makes the folder (mode 0700) and takes it for this process.
 * @returns frees it again
 * @throws Error naming the process that has it
 */
export function takeStateFolder(state: string): () => void {
  mkdirSync(state, { recursive: true, mode: 0o700 });
  const lock = path.join(state, LOCK_FILE);
  for (;;) {
    try {
      writeFileSync(lock, `${process.pid} ${startTimeOf(process.pid)}\n`, { flag: "wx", mode: 0o600 });
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const holder = holderOf(lock);
    if (holder !== undefined) throw new Error(`the system of ${state} is already running (pid ${holder})`);
    rmSync(lock, { force: true });
  }
  return () => rmSync(lock, { force: true });
}

/** Process of the system that runs on this folder; undefined: none does. */
export function systemPid(state: string): number | undefined {
  return holderOf(path.join(state, LOCK_FILE));
}

function holderOf(lock: string): number | undefined {
  try {
    const [pid = "", startTime] = readFileSync(lock, "utf8").trim().split(" ");
    // The pid may have been given to another program since: its start time tells.
    return isAlive(Number(pid)) && startTimeOf(Number(pid)) === startTime ? Number(pid) : undefined;
  } catch {
    return undefined;
  }
}

/** The system's keys; made on first use, mode 0600. */
export function systemKeys(state: string): SystemKeys {
  const file = path.join(state, KEYS_FILE);
  const key = (): string => randomBytes(32).toString("base64url");
  const [tokenSecret, keySecret, keyPepper, keyAdminSecret, sessionSecret] = [key(), key(), key(), key(), key()];
  const made: SystemKeys = { tokenSecret, keySecret, keyPepper, keyAdminSecret, sessionSecret };
  const known = existsSync(file) ? keysSchema.parse(JSON.parse(readFileSync(file, "utf8"))) : {};
  const keys = { ...made, ...known } as SystemKeys;
  if (Object.keys(known).length < Object.keys(keys).length) writePrivate(file, `${JSON.stringify(keys, null, 2)}\n`);
  return keys;
}

/** Writes a file of mode 0600 so that readers see the old or the new content, never a part. */
export function writePrivate(file: string, content: string): void {
  const temporary = `${file}.${process.pid}.tmp`;
  rmSync(temporary, { force: true });
  writeFileSync(temporary, content, { mode: 0o600, flag: "wx" });
  renameSync(temporary, file);
}

/**
 * Secrets of the document for `${secret:NAME}`: variables `SECRET_<NAME>`, then `<state>/secrets` (lines `NAME=value`).
 * @returns binding name (`SECRET_<NAME>`) to value
 * @throws Error when others can read the file, or a line is malformed
 */
export function documentSecrets(state: string, environment: NodeJS.ProcessEnv): Record<string, string> {
  const secrets = readSecretsFile(path.join(state, SECRETS_FILE));
  for (const [name, value] of Object.entries(environment)) {
    if (name.startsWith("SECRET_") && value !== undefined) secrets[name] = value;
  }
  return secrets;
}

/**
 * Keeps a secret in `<state>/secrets`, in place of an earlier value of it.
 * @param value one line
 * @throws Error as `documentSecrets`
 */
export function keepSecret(state: string, name: string, value: string): void {
  const file = path.join(state, SECRETS_FILE);
  readSecretsFile(file);
  const lines = existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n") : [];
  const others = lines.filter((line) => line !== "" && !line.startsWith(`${name}=`));
  writePrivate(file, `${[...others, `${name}=${value}`].join("\n")}\n`);
}

function readSecretsFile(file: string): Record<string, string> {
  if (!existsSync(file)) return {};
  const mode = statSync(file).mode & 0o777;
  if (process.platform !== "win32" && (mode & 0o077) !== 0) {
    throw new Error(`${file} can be read by others (mode ${mode.toString(8)}); run: chmod 600 ${file}`);
  }
  const secrets: Record<string, string> = {};
  for (const [index, line] of readFileSync(file, "utf8").split("\n").entries()) {
    if (/^\s*(#.*)?$/.test(line)) continue;
    const [, name, value] = /^([A-Za-z0-9_]+)=(.*)$/.exec(line.trimEnd()) ?? [];
    if (name === undefined || value === undefined) throw new Error(`${file}:${index + 1}: expected NAME=value`);
    secrets[`SECRET_${name}`] = value;
  }
  return secrets;
}
