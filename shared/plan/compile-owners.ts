import type { Document } from "../config/schema.ts";
import type { OwnerGrant } from "./plan.ts";
import { compileHosts, mapValues, sorted } from "./sorted.ts";

type Grants = NonNullable<Document["owners"]>;

/** What each owner may do and has: lists stand for sets, hosts are compared without case. Routes name their owners themselves. */
export function compileOwners({ gateway, mesh }: Document, owners: Grants): Record<string, OwnerGrant> {
  const services = Object.entries(mesh?.services ?? {}).map(([name, { owner }]) => ({
    name: `service ${name}`,
    owner,
  }));
  const upstreams = Object.entries(gateway?.upstreams ?? {}).map(([name, { owner }]) => ({
    name: `upstream ${name}`,
    owner,
  }));
  return mapValues(owners, (grant, owner) => {
    const has = [...services, ...upstreams].filter((one) => one.owner === owner).map(({ name }) => name);
    return { ...compileGrant(grant), ...(has.length > 0 && { has: sorted(has) }) };
  });
}

function compileGrant({ hosts, ...lists }: Grants[string]): OwnerGrant {
  const others = Object.entries(lists).flatMap(([key, members]) =>
    members === undefined ? [] : [[key, sorted(members)] as const],
  );
  return { ...Object.fromEntries(others), ...(hosts !== undefined && { hosts: compileHosts(hosts) }) };
}
