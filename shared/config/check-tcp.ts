/** Checks of services of TCP, of which nobody reads a request. */

import { callsOfCode } from "./check-code.ts";
import type { Cursor } from "./cursor.ts";
import { partTargets } from "./part-call.ts";
import { type DocumentProblem, error } from "./problem.ts";
import { quote } from "./schema-problems.ts";
import { splitPartUrl } from "./template.ts";

/** What goes by requests. */
const OF_REQUESTS = ["mirror", "faults", "upgrades", "shedding", "validate"] as const;
const OF_RULES = ["methods", "paths", "scopes", "claims"] as const;

const isTcp = (service: Cursor): boolean => service.get("protocol").text === "tcp";

/** Settings that mean nothing with the service's protocol. */
export function checkTcp(service: Cursor): DocumentProblem[] {
  const outboundPort = service.get("outboundPort");
  if (!isTcp(service))
    return outboundPort.exists && typeof service.value === "object"
      ? [
          meaningless(
            outboundPort,
            "`outboundPort` is for services with `protocol: tcp`: HTTP goes through one listener",
          ),
        ]
      : [];
  const match = service.get("traffic").items.map((rule) => rule.get("match"));
  const hash = service.get("balance", "hash");
  const rules = service.get("access").items.flatMap((rule) => OF_RULES.map((name) => ({ name, at: rule.get(name) })));
  return [
    ...OF_REQUESTS.map((name) => ({ name, at: service.get(name) })),
    ...match.map((at) => ({ name: "match", at })),
    { name: "hash", at: hash },
    ...rules,
  ]
    .filter(({ at }) => at.exists)
    .map(({ name, at }) => meaningless(at, `\`${name}\` goes by requests, and of a service of TCP nobody reads any`));
}

const meaningless = (at: Cursor, message: string): DocumentProblem => error("SLV3055", at.path, message, { at: "key" });

/** Callers listen for each of them at its own port. */
export function checkOutboundPorts(services: Cursor): DocumentProblem[] {
  const first = new Map<unknown, string>();
  return services.entries.flatMap(([name, service]) => {
    const port = service.get("outboundPort");
    if (!port.exists || !isTcp(service)) return [];
    const other = first.get(port.value);
    if (other === undefined) {
      first.set(port.value, name);
      return [];
    }
    return [
      error(
        "SLV3056",
        port.path,
        `${quote(other)} has this \`outboundPort\` already: a caller of both cannot listen for both`,
      ),
    ];
  });
}

/** The gateway speaks HTTP alone. */
export function checkTcpTargets(top: Cursor): DocumentProblem[] {
  const services = top.get("mesh", "services");
  const isTarget = (name: string | undefined): boolean => name !== undefined && isTcp(services.get(name));
  const refuse = (at: Cursor, name: string): DocumentProblem =>
    error("SLV3057", at.path, `${quote(name)} is a service of TCP, and the gateway speaks HTTP`);
  return top.get("gateway", "routes").items.flatMap((route) => {
    const to = route.get("to");
    const parts = partTargets(route);
    return [
      ...[to, ...callsOfCode(route).map(({ place }) => place)].flatMap((at) =>
        isTarget(at.text) ? [refuse(at, at.text ?? "")] : [],
      ),
      ...parts.flatMap((get) => {
        const target = splitPartUrl(get.text ?? "")?.target;
        return target !== undefined && "service" in target && isTarget(target.service)
          ? [refuse(get, target.service)]
          : [];
      }),
    ];
  });
}
