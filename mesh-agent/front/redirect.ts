import { FieldList } from "../../shared/http/field-list.ts";
import { hostWithoutPort } from "../../shared/route/compare-routes.ts";
import type { ServerExchange } from "../proxy/engine.ts";

const HTTPS_PORT = 443;

/** Sends a client of plain HTTP to the same address under https (RFC 9110 section 15.4.9). @param port of the TLS listener */
export function redirectToHttps(exchange: ServerExchange, port: number): void {
  const { fields, target } = exchange.head;
  const host = hostWithoutPort(fields.get("host") ?? "");
  if (host === undefined || host === "" || target === "*") {
    exchange.respond({ status: 400, fields: new FieldList(), bodyLength: 0 }).end();
    return;
  }
  const name = host.includes(":") ? `[${host}]` : host;
  const authority = port === HTTPS_PORT ? name : `${name}:${port}`;
  const location = FieldList.from([["location", `https://${authority}${target}`]]);
  exchange.respond({ status: 308, fields: location, bodyLength: 0 }).end();
}
