import type { Document } from "../config/schema.ts";
import type { OwnerGrant } from "./plan.ts";
import { compileHosts, sorted } from "./sorted.ts";

/** What an owner may do: lists stand for sets, hosts are compared without case. */
export function compileGrant({ hosts, ...lists }: NonNullable<Document["owners"]>[string]): OwnerGrant {
  const others = Object.entries(lists).flatMap(([key, members]) =>
    members === undefined ? [] : [[key, sorted(members)] as const],
  );
  return { ...Object.fromEntries(others), ...(hosts !== undefined && { hosts: compileHosts(hosts) }) };
}
