/** Calls about the canary of a version. */
import { canaryChangeSchema } from "../../../shared/wire/canary.ts";
import { readJson } from "../objects/read-json.ts";
import { actorOf, CALL_BYTES, type Call, config, granted } from "./call.ts";

export async function canary(c: Call): Promise<Response> {
  return c.json({ canary: (await config(c).canary()) ?? null });
}

export async function changeCanary(c: Call): Promise<Response> {
  const change = await readJson(c.req.raw, canaryChangeSchema, CALL_BYTES);
  return c.json({ canary: granted(await config(c).changeCanary(change, actorOf(c, change.author))) });
}
