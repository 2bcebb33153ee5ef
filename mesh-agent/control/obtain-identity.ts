/** The identity that an agent starts with: the one on disk while it is good, else by what it can prove. */
import { X509Certificate } from "node:crypto";
import type { JoinToken } from "../../shared/wire/enrolment.ts";
import type { Log } from "../telemetry/log.ts";
import { type AgentIdentity, agentIdentitySchema, certificateFacts, fingerprintOf } from "../tls/identity.ts";
import { EnrolmentError, enrol } from "./enrolment.ts";
import { type EnrolmentKey, enrolmentKeyFile, keepJoined, makeEnrolmentKey } from "./enrolment-key.ts";
import { insist, refusePlain } from "./insist.ts";
import { joinByToken, type PlatformJoin } from "./joining.ts";
import { comeBack, reissue, type WaysBack } from "./reissue.ts";
import type { OpenState, StateFile } from "./state-file.ts";
import type { SvidWay } from "./svid-way.ts";

export function identityFile(open: OpenState): StateFile<AgentIdentity> {
  return open("identity.json", (value) => agentIdentitySchema.parse(value));
}

export interface ObtainOptions {
  readonly open: OpenState;
  readonly join: JoinToken | undefined;
  readonly platform: PlatformJoin | undefined;
  readonly instance: string;
  /** The control plane may be called in clear off loopback. */
  readonly insecure: boolean;
  readonly log: Log;
}

export interface Obtained {
  readonly identity: AgentIdentity;
  /** By which it comes back; absent: its identity is of an outside issuer. */
  readonly key?: EnrolmentKey;
  /** By which it proves that one. */
  readonly svid?: SvidWay;
  /** It is another identity than that of the last run, whose view must not be used. */
  readonly fresh: boolean;
}

/**
 * Waits for the control plane as long as it cannot be reached and is needed.
 * @throws when there is no way to an identity, with what to do
 */
export async function obtainIdentity(options: ObtainOptions): Promise<Obtained> {
  const [identities, keys] = [identityFile(options.open), enrolmentKeyFile(options.open)];
  const stored = loadOrTell(identities, options.log);
  const kept = loadOrTell(keys, options.log);
  refusePlain(whereTo(options) ?? stored.value?.controlUrl ?? kept.value?.controlUrl, options.insecure);
  const keep = (identity: AgentIdentity, key: EnrolmentKey, fresh: boolean): Obtained => {
    const kept = keepJoined(keys, key, identity);
    if (identity !== stored.value) identities.saveNow(identity);
    return { identity, key: kept, fresh };
  };
  const known = knownKey(kept.value, options);
  const again = await resume(stored.value, known, options);
  if (again !== undefined) return keep(again, known ?? makeEnrolmentKey(again.controlUrl, again.instance), false);
  const key = firstKey(kept.value, options, stored.failure ?? kept.failure, identities.path);
  keys.saveNow(key);
  const identity = await insist(() => first(key, options), options.log);
  const obtained = keep(identity, key, true);
  const { service, trustDomain, instance } = identity;
  options.log.event("enrolled", `enrolled as ${service} of ${trustDomain}`, { service, trustDomain, instance });
  return obtained;
}

const whereTo = ({ join, platform }: ObtainOptions): string | undefined => join?.url ?? platform?.controlUrl;

/** The key of another mesh opens nothing in this one. */
function knownKey(kept: EnrolmentKey | undefined, { join }: ObtainOptions): EnrolmentKey | undefined {
  const isOther = join !== undefined && kept?.roots.includes(join.root.toLowerCase()) !== true;
  return isOther || kept === undefined || kept.roots.length === 0 ? undefined : kept;
}

/** The identity of the last run, or a new one for the same service; undefined: it has to join as for the first time. */
async function resume(
  stored: AgentIdentity | undefined,
  key: EnrolmentKey | undefined,
  options: ObtainOptions,
): Promise<AgentIdentity | undefined> {
  const { join, platform, log } = options;
  const usable = stored !== undefined && (join === undefined || knows(stored, join.root.toLowerCase()));
  // The same mesh may have moved: where it is now is in the newest join token.
  const controlUrl = whereTo(options);
  const moved = <T extends { readonly controlUrl: string }>(one: T): T =>
    controlUrl === undefined || controlUrl === one.controlUrl ? one : { ...one, controlUrl };
  const ways: WaysBack = { key: key === undefined ? undefined : moved(key), platform };
  if (usable && Date.now() < certificateFacts(stored.certificates).notAfterMs) return moved(stored);
  const isKnownRoot = (root: string): boolean =>
    (stored !== undefined && knows(stored, root)) || key?.roots.includes(root) === true;
  try {
    if (usable) {
      log.event("expired", "the certificate has ended, asking for a new one");
      return await insist(() => reissue(moved(stored), ways, isKnownRoot, log), log);
    }
    if (key === undefined) return undefined;
    log.event("identity_missing", "the identity is missing, coming back by the enrolment key");
    const missing = new EnrolmentError("there is no identity", true);
    return await insist(() => comeBack(missing, ways, isKnownRoot, log), log);
  } catch (error) {
    const { message } = error as Error;
    if (join === undefined && platform === undefined)
      throw new Error(`the control plane does not take this agent back (${message}): give a new join token`);
    log.event("not_taken_back", `the control plane does not take this agent back: ${message}`);
    return undefined;
  }
}

/** The key of a first join: that of an attempt whose answer was lost, else a new one. @throws when there is no way to join */
function firstKey(
  kept: EnrolmentKey | undefined,
  options: ObtainOptions,
  failure: string | undefined,
  path: string,
): EnrolmentKey {
  const controlUrl = whereTo(options);
  const ways =
    "give a join token with --join or SELVAGE_JOIN_TOKEN, or a token of the platform with --join-oidc-token-file";
  if (controlUrl === undefined) throw new Error(`${failure ?? `there is no identity in ${path}`}: ${ways}`);
  const isUnused = kept?.roots.length === 0 && kept.controlUrl === controlUrl;
  return isUnused ? kept : makeEnrolmentKey(controlUrl, options.instance);
}

function first(key: EnrolmentKey, { join, platform, instance }: ObtainOptions): Promise<AgentIdentity> {
  if (join !== undefined) return enrol(join, instance, key, Date.now());
  if (platform === undefined) throw new Error("neither a join token nor a platform");
  return joinByToken(platform, key, key.instance, Date.now());
}

/** Whether an identity rests on a root: the one that enrolment was pinned to, or one that it was given since. @param root fingerprint */
function knows({ rootFingerprint, roots }: AgentIdentity, root: string): boolean {
  return root === rootFingerprint || roots.some((pem) => fingerprintOf(new X509Certificate(pem)) === root);
}

/** What cannot be read counts as none; it stays on the disk. */
function loadOrTell<T>(file: StateFile<T>, log: Log): { readonly value?: T; readonly failure?: string } {
  try {
    const value = file.load();
    return value === undefined ? {} : { value };
  } catch (error) {
    const { message: failure } = error as Error;
    log.event("identity_broken", failure);
    return { failure };
  }
}
