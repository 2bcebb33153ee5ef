/** Refuses heads that are too large or can be read in two ways, before anything is decided by them; finds whose address it is. */
import { SelvageError } from "../../../shared/errors.ts";
import { findClientAddress } from "../../../shared/http/client-ip.ts";
import type { FieldList } from "../../../shared/http/field-list.ts";
import { inspectHead, refuseMethod } from "../../../shared/http/inspect-head.ts";
import { parseRequestTarget } from "../../../shared/http/request-target.ts";
import type { Stage } from "../../proxy/call.ts";
import type { ExposedCall } from "./exposed-call.ts";

export const checkHead: Stage<ExposedCall> = (call, next) => {
  const { method, target, fields, bodyLength } = call.exchange.head;
  const hosts = fields.getAll("host");
  const received =
    hosts.length === 1 && target.startsWith("/") ? parseRequestTarget(`https://${hosts[0]}${target}`) : undefined;
  if (received === undefined) throw new SelvageError("bad_request", "host or target of the request is malformed");
  call.receivedTarget = received;
  const { dropped, refused } = inspectHead(lowerCase(fields), target.length);
  if (refused !== undefined) throw new SelvageError(refused.code, refused.reason);
  const unserved = method === "CONNECT" ? CONNECT : refuseMethod(method, bodyLength !== 0);
  if (unserved !== undefined) throw new SelvageError(unserved.code, unserved.reason);
  // The application gets the host as the client named it.
  call.dropped = dropped.filter((name) => name !== "host");
  const { address } = findClientAddress(call.exchange.peer.address, call.field, call.held.clientIp);
  if (address !== undefined) call.facts.clientIp = address;
  next();
};

const CONNECT = { code: "not_implemented", reason: "CONNECT" } as const;

function* lowerCase(fields: FieldList): Iterable<readonly [name: string, value: string]> {
  for (const [name, value] of fields) yield [name.toLowerCase(), value];
}
