/** What isolates leave behind for those that start while the control plane is away. */
import { indexRevocations } from "../../../shared/auth/revocations.ts";
import { canonicalJson } from "../../../shared/plan/canonical-json.ts";
import type { Env } from "../env.ts";
import type { HeldPlan } from "./held-plan.ts";
import { holdPlan } from "./held-plan.ts";
import { importSigningKey, openJwk, sealJwk } from "./signing-key.ts";

const NAME = "gateway";

export async function saveLastGood(env: Env, held: HeldPlan, leasedAtMs: number): Promise<void> {
  const { version, hash, plan, signingKey } = held;
  const row = { leasedAtMs, version, hash, plan: canonicalJson(plan), revocations: held.revocations.list };
  const sealed =
    signingKey === undefined
      ? {}
      : { kid: signingKey.kid, sealedKey: await sealJwk(signingKey.jwk, env.CONTROL_TOKEN) };
  await env.LAST_GOOD.getByName(NAME).write({ ...row, ...sealed });
}

/** The plan and key as they were saved; the plan alone when the key was sealed under another token. */
export async function loadLastGood(env: Env): Promise<HeldPlan | undefined> {
  const row = await env.LAST_GOOD.getByName(NAME).read();
  if (row === undefined) return undefined;
  const fresh = await holdPlan(row.version, row.hash, JSON.parse(row.plan));
  const held = row.revocations === undefined ? fresh : { ...fresh, revocations: indexRevocations(row.revocations) };
  if (row.sealedKey === undefined) return held;
  try {
    return { ...held, signingKey: await importSigningKey(await openJwk(row.sealedKey, env.CONTROL_TOKEN)) };
  } catch {
    return held;
  }
}
