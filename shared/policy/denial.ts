/** Workloads that are refused although their certificates are good: by service, by instance, by certificate. */

/** What agents refuse in their peers. */
export interface DeniedPeers {
  readonly services: readonly string[];
  /** Serial numbers of certificates, lower-case hex. */
  readonly serials: readonly string[];
}

/** The same with what the control plane refuses in those who call it. */
export interface Denied extends DeniedPeers {
  /** `SERVICE/INSTANCE`. */
  readonly instances: readonly string[];
  /** Hashes of keys whose certificate is denied, as tokens carry them. */
  readonly keys: readonly string[];
}

export interface Workload {
  readonly service: string;
  readonly instance: string;
  /** Hash of the key that its token is for. */
  readonly key?: string | undefined;
}

/** Why a workload gets nothing from the control plane; undefined: it may. */
export function refuseWorkload(denied: Denied, { service, instance, key }: Workload): string | undefined {
  if (denied.services.includes(service)) return `service ${service} is revoked`;
  if (denied.instances.includes(`${service}/${instance}`)) return `instance ${service}/${instance} is revoked`;
  return key !== undefined && denied.keys.includes(key)
    ? `the certificate of ${service}/${instance} is revoked`
    : undefined;
}

/** Serial numbers as they are compared: lower-case hex without separators and leading zeros. */
export function serialText(serial: string): string {
  return serial
    .replaceAll(":", "")
    .toLowerCase()
    .replace(/^0+(?=.)/, "");
}
