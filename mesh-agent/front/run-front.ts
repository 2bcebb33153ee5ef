/** The front as a process: from its options to its last answer. */

import { listenText } from "../../shared/http/listen-address.ts";
import { limits } from "../../shared/limits.ts";
import { openAdmin } from "../admin/admin-server.ts";
import { expiryFamily } from "../admin/expiry-family.ts";
import type { HostPort } from "../lifecycle/ports.ts";
import { listenError } from "../lifecycle/ports.ts";
import { settleMemory } from "../lifecycle/settle-memory.ts";
import type { StopRequest } from "../lifecycle/stop-request.ts";
import type { Log } from "../telemetry/log.ts";
import { type CertificateFiles, Certificates, watchCertificates } from "./certificates.ts";
import { Front, type FrontOptions } from "./front.ts";

export interface FrontProcessOptions
  extends Pick<FrontOptions, "listen" | "redirect" | "gateway" | "key" | "bounds" | "proxies"> {
  readonly certificates: CertificateFiles | undefined;
  readonly admin: HostPort | undefined;
}

/**
 * Serves until a stop is asked for.
 * @returns exit code
 * @throws when it cannot start, with a sentence for people
 */
export async function runFront(options: FrontProcessOptions, log: Log, stop: StopRequest): Promise<number> {
  const certificates = options.certificates === undefined ? undefined : new Certificates(options.certificates);
  const front = new Front({
    ...options,
    certificates,
    onBroken: (broken) => log.line({ time: new Date().toISOString(), kind: "broken", ...broken }),
    onWebSocketEnd: (end) => log.line(end),
    onRefused: (entry) => log.line({ time: new Date().toISOString(), kind: "refused", ...entry }),
  });
  settleMemory();
  await front.open();
  const unwatch =
    certificates === undefined ? undefined : watchCertificates(certificates, (text) => log.event("certificates", text));
  const admin = await openFrontAdmin(front, options.admin, certificates);
  log.event("ready", `the front listens on ${options.listen.map(listenText).join(", ")}`);
  await stop.asked;
  admin?.close();
  unwatch?.();
  await front.close(limits.front.drainMs);
  return 0;
}

async function openFrontAdmin(front: Front, at: HostPort | undefined, certificates: Certificates | undefined) {
  if (at === undefined) return undefined;
  try {
    return await openAdmin(at, {
      unready: () => undefined,
      metrics: () => [
        ...front.counters.families(front.counts(), front.webSockets),
        ...expiryFamily("selvage_front_certificate_expiry_timestamp_seconds", certificates),
      ],
      config: () => ({ ports: front.ports }),
    });
  } catch (error) {
    throw listenError(error, "admin", at);
  }
}
