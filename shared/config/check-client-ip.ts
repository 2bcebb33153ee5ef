/** Checks of whose word on the client's address is believed. */
import { HOP_BY_HOP } from "../http/header-names.ts";
import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, error, warning } from "./problem.ts";

export function checkClientIp(top: Cursor): DocumentProblem[] {
  const gateway = top.get("gateway");
  const clientIp = gateway.get("clientIp");
  return [
    ...checkProxies(clientIp.get("trustedProxies")),
    ...checkHeader(clientIp.get("header")),
    ...checkTerminator(gateway),
  ];
}

function checkProxies(proxies: Cursor): DocumentProblem[] {
  return proxies.items
    .filter(({ text }) => /\/0+$/.test(text ?? ""))
    .map(({ path, text }) =>
      warning("SLV3015", path, `${text} is every address: whoever reaches the gateway chooses the address that it has`),
    );
}

const OTHERWISE_USED = [
  ...["authorization", "cookie", "host", "origin", "content-length", "content-type", "expect", "via", "dpop"],
  ...[
    "traceparent",
    "tracestate",
    "txn-token",
    "client-cert",
    "client-cert-chain",
    "x-forwarded-proto",
    "x-forwarded-host",
  ],
];

function checkHeader(header: Cursor): DocumentProblem[] {
  const name = header.text?.toLowerCase();
  if (name === undefined) return [];
  if (!OTHERWISE_USED.includes(name) && !HOP_BY_HOP.has(name) && !name.startsWith("selvage-")) return [];
  return [
    error("SLV3009", header.path, `the header ${name} has another meaning and cannot carry the client's address`),
  ];
}

/** Whoever terminates TLS is the peer of every connection. */
function checkTerminator(gateway: Cursor): DocumentProblem[] {
  const terminator = gateway.get("tlsTerminator");
  if (!terminator.exists || gateway.get("clientIp").exists) return [];
  const ofRoutes = gateway.get("routes").items.flatMap((route) => route.get("rateLimit").oneOrItems);
  const limits = [...gateway.get("limits").entries.map(([, limit]) => limit), ...ofRoutes];
  const parts = limits.flatMap((limit) => limit.get("by").oneOrItems);
  const byAddress = parts.find((part) => part.text === "ip" || part.get("ip").exists);
  if (byAddress === undefined) return [];
  const text = "clients behind `tlsTerminator` have its address and count together";
  return [
    warning("SLV3009", byAddress.path, text, { expected: "`gateway.clientIp` with its address in `trustedProxies`" }),
  ];
}
