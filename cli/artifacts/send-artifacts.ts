import type { ControlClient } from "../control-client.ts";
import { say } from "../output.ts";
import type { Artifacts } from "./build-artifacts.ts";

/** Sends those artifacts that the control plane has not got. */
export async function sendArtifacts(client: ControlClient, { bytes }: Pick<Artifacts, "bytes">): Promise<void> {
  if (bytes.size === 0) return;
  for (const digest of await client.missingArtifacts([...bytes.keys()])) {
    const one = bytes.get(digest);
    if (one === undefined) continue;
    if (one.byteLength > TOLD_BYTES) say(`sending ${Math.round(one.byteLength / 1024)} KiB`);
    await client.putArtifact(digest, one);
  }
}

/** Smaller ones are there before anybody asks himself what is going on. */
const TOLD_BYTES = 1024 * 1024;
