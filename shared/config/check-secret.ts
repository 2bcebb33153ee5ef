import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, error } from "./problem.ts";
import { type Secrets, secretName } from "./references.ts";

/** A secret that is too short, where its length is known. @param neededBytes of its text */
export function checkSecretLength(
  secret: Cursor,
  neededBytes: number,
  secrets: Secrets | undefined,
): DocumentProblem[] {
  const name = secretName(secret.text);
  const bytes = name === undefined ? undefined : secrets?.bytes?.(name);
  if (bytes === undefined || bytes >= neededBytes) return [];
  return [error("SLV3014", secret.path, `the secret ${name} has ${bytes} bytes, expected at least ${neededBytes}`)];
}
