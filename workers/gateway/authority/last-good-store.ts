/** What isolates leave behind for those that start while the control plane is away. */
import type { JWK } from "jose";
import { indexRevocations } from "../../../shared/auth/revocations.ts";
import { canonicalJson } from "../../../shared/plan/canonical-json.ts";
import type { HopKey } from "../../../shared/wire/hop-key.ts";
import type { Env } from "../env.ts";
import type { HeldPlan } from "./held-plan.ts";
import { holdPlan } from "./held-plan.ts";
import { HopSigner } from "./hop-signer.ts";
import { importSigningKey, openKeys, sealKeys } from "./signing-key.ts";

const NAME = "gateway";

/** What is sealed. */
interface KeptKeys {
  readonly signing?: JWK;
  readonly hop?: HopKey;
}

export async function saveLastGood(env: Env, held: HeldPlan, leasedAtMs: number): Promise<void> {
  const { version, hash, plan, signingKey, hop } = held;
  const row = { leasedAtMs, version, hash, plan: canonicalJson(plan), revocations: held.revocations.list };
  const keys: KeptKeys = { ...(signingKey && { signing: signingKey.jwk }), ...(hop && { hop: hop.hopKey }) };
  const kids = [signingKey?.kid, hop?.kid].filter((kid) => kid !== undefined).join(" ");
  const sealed = kids === "" ? {} : { kid: kids, sealedKey: await sealKeys(keys, env.CONTROL_TOKEN) };
  await env.LAST_GOOD.getByName(NAME).write({ ...row, ...sealed });
}

/** The plan and keys as they were saved; the plan alone when the keys were sealed under another token. */
export async function loadLastGood(env: Env): Promise<HeldPlan | undefined> {
  const row = await env.LAST_GOOD.getByName(NAME).read();
  if (row === undefined) return undefined;
  const fresh = await holdPlan(row.version, row.hash, JSON.parse(row.plan));
  const held = row.revocations === undefined ? fresh : { ...fresh, revocations: indexRevocations(row.revocations) };
  if (row.sealedKey === undefined) return held;
  try {
    const { signing, hop } = (await openKeys(row.sealedKey, env.CONTROL_TOKEN)) as KeptKeys;
    return {
      ...held,
      ...(signing && { signingKey: await importSigningKey(signing) }),
      ...(hop && { hop: await HopSigner.import(hop) }),
    };
  } catch {
    return held;
  }
}
