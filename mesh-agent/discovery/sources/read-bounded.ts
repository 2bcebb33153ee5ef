import { readFileSync, statSync } from "node:fs";

/**
 * A file beside the agent, as a text.
 * @throws with a sentence for people when it cannot be read, is larger than it may be, or no file
 */
export function readBounded(path: string, bytesMax: number): string {
  const status = statSync(path);
  if (!status.isFile()) throw new Error(`${path} is no file`);
  if (status.size > bytesMax) throw new Error(`${path} has more than ${bytesMax} bytes`);
  return readFileSync(path, "utf8");
}

const TOKEN = /^[\x21-\x7e]+$/;

/** One token and nothing else, so that no other file is sent to anybody. @throws as above */
export function readToken(path: string, bytesMax: number): string {
  const token = readBounded(path, bytesMax).trim();
  if (!TOKEN.test(token)) throw new Error(`${path} holds no token: one line of visible ASCII`);
  return token;
}
