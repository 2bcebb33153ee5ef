/** The identity that an agent starts with: the one on disk while it is good, else by the join token. */
import { X509Certificate } from "node:crypto";
import { limits } from "../../shared/limits.ts";
import type { JoinToken } from "../../shared/wire/enrolment.ts";
import { isLoopback } from "../proxy/loopback.ts";
import type { Log } from "../telemetry/log.ts";
import { type AgentIdentity, agentIdentitySchema, certificateFacts, fingerprintOf } from "../tls/identity.ts";
import { backoffMs } from "./backoff.ts";
import { EnrolmentError, enrol, renew } from "./enrolment.ts";
import { StateFile } from "./state-file.ts";

export function identityFile(folder: string): StateFile<AgentIdentity> {
  return new StateFile<AgentIdentity>(folder, "identity.json", (value) => agentIdentitySchema.parse(value));
}

export interface ObtainOptions {
  readonly file: StateFile<AgentIdentity>;
  readonly join: JoinToken | undefined;
  readonly instance: string;
  /** The control plane may be called in clear off loopback. */
  readonly insecure: boolean;
  readonly log: Log;
}

/**
 * Waits for the control plane as long as it cannot be reached and is needed.
 * @returns `fresh` when it is another identity than that of the last run, whose view must not be used
 * @throws when there is no way to an identity, with what to do
 */
export async function obtainIdentity(options: ObtainOptions): Promise<{ identity: AgentIdentity; fresh: boolean }> {
  const { file, join, log } = options;
  const stored = join === undefined ? file.load() : loadOrNothing(file, log);
  refusePlain(join?.url ?? stored?.controlUrl, options.insecure);
  const usable = stored !== undefined && (join === undefined || knows(stored, join.root.toLowerCase()));
  if (stored !== undefined && usable) {
    // The same mesh may have moved: where it is now is in the newest join token.
    const identity = join === undefined ? stored : { ...stored, controlUrl: join.url };
    const { notAfterMs } = certificateFacts(identity.certificates);
    if (Date.now() < notAfterMs) {
      if (identity.controlUrl !== stored.controlUrl) file.saveNow(identity);
      return { identity, fresh: false };
    }
    const renewed = await renewExpired(identity, join !== undefined, log);
    if (renewed !== undefined) {
      file.saveNow(renewed);
      return { identity: renewed, fresh: false };
    }
  }
  if (join === undefined)
    throw new Error(`there is no identity in ${file.path}: give a join token with --join or SELVAGE_JOIN_TOKEN`);
  const identity = await insist(() => enrol(join, options.instance, Date.now()), log);
  file.saveNow(identity);
  const { service, trustDomain, instance } = identity;
  log.event("enrolled", `enrolled as ${service} of ${trustDomain}`, { service, trustDomain, instance });
  return { identity, fresh: true };
}

/** Whether an identity rests on a root: the one that enrolment was pinned to, or one that it was given since. @param root fingerprint */
function knows({ rootFingerprint, roots }: AgentIdentity, root: string): boolean {
  return root === rootFingerprint || roots.some((pem) => fingerprintOf(new X509Certificate(pem)) === root);
}

/** A token travels with each call: whoever reads it on the way speaks to the control plane as this agent. */
function refusePlain(controlUrl: string | undefined, insecure: boolean): void {
  if (controlUrl === undefined || insecure) return;
  const { protocol, hostname } = new URL(controlUrl);
  if (protocol === "https:" || isLoopback(hostname.replace(/^\[|\]$/g, ""))) return;
  throw new Error(
    `the control plane is at ${controlUrl}, which is plain HTTP and not loopback: this agent's token could be read on ` +
      "the way. Set the control plane's CONTROL_URL to an https:// address and make a new join token, or add --insecure",
  );
}

function loadOrNothing(file: StateFile<AgentIdentity>, log: Log): AgentIdentity | undefined {
  try {
    return file.load();
  } catch (error) {
    log.event("identity_broken", (error as Error).message);
    return undefined;
  }
}

/** An expired certificate cannot be used, but the token beside it may still renew it, as after a long sleep. */
async function renewExpired(identity: AgentIdentity, canJoin: boolean, log: Log): Promise<AgentIdentity | undefined> {
  log.event("expired", "the certificate has ended, asking for a new one");
  try {
    return await insist(() => renew(identity, (root) => knows(identity, root), Date.now()), log);
  } catch (error) {
    if (canJoin) return undefined;
    throw new Error(
      `the certificate has ended and is not renewed (${(error as Error).message}): give a new join token`,
    );
  }
}

/** Asks until the control plane has spoken. */
async function insist<T>(ask: () => Promise<T>, log: Log): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof EnrolmentError) || error.final) throw error;
      if (failures === 1 || failures % 10 === 0) log.event("control_awaited", `${error.message}; trying again`);
      const { reconnectBaseMs, reconnectMaxMs } = limits.control;
      await new Promise((resolve) =>
        setTimeout(resolve, backoffMs(failures, reconnectBaseMs, reconnectMaxMs, Math.random())),
      );
    }
  }
}
