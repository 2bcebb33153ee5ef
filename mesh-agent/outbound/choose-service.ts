/** Which service of the mesh a call is for, and the request as that service is to get it. */
import { SelvageError } from "../../shared/errors.ts";
import { ATTEMPT, DEADLINE, PLAN_VERSION } from "../../shared/http/header-names.ts";
import { isServiceName } from "../../shared/identity/spiffe-id.ts";
import { limits } from "../../shared/limits.ts";
import type { Clusters } from "../discovery/clusters.ts";
import type { Stage } from "../proxy/call.ts";
import type { OutboundCall } from "./outbound-call.ts";

const MESH_SUFFIX = ".mesh";
const ABSOLUTE = /^http:\/\/([^/?#]+)([^#]*)$/i;

export interface MeshTarget {
  /** Host as it was named, without port. */
  readonly host: string;
  /** Absent: the host is none of the mesh. */
  readonly service?: string;
  /** Origin-form. */
  readonly path: string;
}

/**
 * Reads `http://orders.mesh/x`, or `/x` with Host `orders.mesh` or `orders`; a port is of no meaning in the mesh.
 * @param target origin-form or absolute-form, whose host wins over the field (RFC 9112 section 3.2.2)
 * @param hostField value of the Host field
 */
export function meshTargetOf(target: string, hostField: string): MeshTarget {
  if (target.startsWith("/")) return { ...namedBy(hostField), path: target };
  const absolute = ABSOLUTE.exec(target);
  const rest = absolute === null ? target : (absolute[2] ?? "");
  const path = rest.startsWith("/") || rest === "*" ? rest : `/${rest}`;
  return { ...namedBy(absolute?.[1] ?? hostField), path };
}

/** What authorities name: applications call the same few again and again. */
const remembered = new Map<string, Omit<MeshTarget, "path">>();

function namedBy(authority: string): Omit<MeshTarget, "path"> {
  const known = remembered.get(authority);
  if (known !== undefined) return known;
  const host = authority.replace(/:\d*$/, "").replace(/\.$/, "").toLowerCase();
  const name = host.endsWith(MESH_SUFFIX) ? host.slice(0, -MESH_SUFFIX.length) : host;
  const named = isServiceName(name) && name !== "localhost" ? { host, service: name } : { host };
  if (remembered.size >= limits.agent.rememberedHostsMax) remembered.clear();
  remembered.set(authority, named);
  return named;
}

/** By the name that the application calls. */
export function chooseServiceByHost(clusters: Clusters): Stage<OutboundCall> {
  return (call, next) => {
    const { host, service, path } = meshTargetOf(call.exchange.head.target, call.facts.host);
    call.facts.host = host;
    if (service === undefined) throw foreignHost(host, clusters);
    toService(call, service, path, clusters);
    next();
  };
}

/** By the name that the gateway asks for. */
export function toService(call: OutboundCall, service: string, path: string, clusters: Clusters): void {
  const cluster = clusters.get(service, call.epoch);
  if (cluster === undefined) {
    call.facts.notCallable = service;
    throw unknownService(service, clusters);
  }
  call.cluster = cluster;
  call.isGrpc = call.byGrpc && cluster.settings.protocol === "grpc";
  call.allowIdle(cluster.settings.streamIdleMs);
  call.path = path;
  call.facts.peer = service;
  const { fields } = call.exchange.head;
  call.callerRetries = fields.has(ATTEMPT);
  // Nothing that the next agent believes may come from an application; the deadline can only shorten.
  fields.removePrefixed("selvage-", DEADLINE);
  if (call.epoch !== undefined) fields.set(PLAN_VERSION, call.epoch);
  const host = `${service}${MESH_SUFFIX}`;
  if (fields.get("host") !== host) fields.set("host", host);
}

function unknownService(service: string, clusters: Clusters): SelvageError {
  const detail = `The service ${JSON.stringify(service)} does not exist or may not be called from here.`;
  return new SelvageError("unknown_service", `${service} is not in the plan of this agent`, {
    members: { detail, service, callable: clusters.names },
  });
}

function foreignHost(host: string, clusters: Clusters): SelvageError {
  const detail =
    `${JSON.stringify(host)} is not of the mesh: this proxy serves http://<service>${MESH_SUFFIX} only. ` +
    "Add the host to NO_PROXY to call it directly.";
  return new SelvageError("unknown_service", `${host} is not of the mesh`, {
    members: { detail, host, callable: clusters.names },
  });
}
