/** Requests of every kind: ordinary ones, and what clients send who are up to something. */
import type { Draw } from "./draw.ts";
import { METHODS } from "./draw-document.ts";
import { drawShown, type Shown } from "./draw-shown.ts";
import { COOKIES, HEADERS, QUERIES, SEGMENTS, VALUES } from "./words.ts";

export interface DrawnRequest {
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly query: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly clientIp: string;
  readonly shown: Shown;
  readonly body?: Body;
}

export interface Body {
  readonly type: string;
  readonly text: string;
}

const ORIGINS = ["https://app.shop.example", "https://evil.example"] as const;

const BODIES: readonly Body[] = [
  { type: "text/plain", text: "8 octets" },
  { type: "text/plain", text: "x" },
  { type: "text/plain", text: "8 octets" },
  { type: "text/plain", text: "a longer body" },
  { type: "application/json", text: '{"query":"{a}"}' },
  { type: "application/json", text: '{"query":"{a{b{c{d}}}}"}' },
  { type: "application/json", text: '{"query":"mutation{a}"}' },
  { type: "application/json", text: '{"items":[]}' },
];

/** What a request may aim at. */
export interface Aim {
  readonly path: string;
  readonly methods?: readonly string[] | undefined;
}

/** @param aims routes that there are @param keys how many there are @param nowMs milliseconds since the epoch */
export function drawRequest(draw: Draw, aims: readonly Aim[], keys: number, nowMs: number): DrawnRequest {
  const aim = draw.chance(80) ? draw.one(aims) : undefined;
  const method =
    aim?.methods !== undefined && draw.chance(90)
      ? draw.one(aim.methods)
      : draw.chance(2)
        ? draw.one(["TRACE", "QUERY"])
        : draw.one([...METHODS, "GET", "GET", "POST"]);
  const shown = drawShown(draw, keys, nowMs);
  return {
    method,
    host: draw.chance(4)
      ? draw.one(["shops.example", "evil.example"])
      : draw.one([
          "api.shop.example",
          "api.shop.example",
          "API.shop.example:8443",
          "a.shops.example",
          "b.a.shops.example",
        ]),
    path: aim === undefined ? drawPath(draw) : fill(draw, aim.path),
    query: drawQuery(draw),
    headers: drawHeaders(draw),
    clientIp: draw.one(["192.0.2.9", "10.1.2.3", "198.51.100.7", "2001:db8::1"]),
    shown,
    ...(draw.chance(40) && !["GET", "HEAD", "TRACE", "OPTIONS"].includes(method) && { body: draw.one(BODIES) }),
  };
}

function drawPath(draw: Draw): string {
  if (draw.chance(4)) return draw.one(["/orders//42", "/a%2Fb", "/%zz", "/orders/%C3%28", "/orders/..;/x", "//"]);
  const segments = Array.from({ length: draw.below(5) }, () =>
    draw.chance(75) ? draw.one(SEGMENTS) : draw.one(["a", "Z9", "b%20c", "%C3%A4", "%6Frders", "a~b", "x{y}", "a'b"]),
  );
  return `/${segments.join("/")}${segments.length > 0 && draw.chance(10) ? "/" : ""}`;
}

/** A path that the pattern may take. */
function fill(draw: Draw, pattern: string): string {
  const word = (): string => draw.one([...SEGMENTS, "abc", "b%20c", "%6Frders"]);
  return pattern.replace(/\{[^}]*\}/g, word).replace("*", () => draw.one(["", word(), `${word()}/${word()}`]));
}

function drawQuery(draw: Draw): string {
  if (draw.chance(50)) return "";
  const members = Array.from({ length: 1 + draw.below(3) }, () => {
    const name = draw.one([...QUERIES, "other", "key", "%71"]);
    return draw.chance(10) ? name : `${name}=${draw.one([...VALUES, "a%20b", "a+b", "%zz", "", "a=b", "%FF"])}`;
  });
  return `?${members.join("&")}`;
}

function drawHeaders(draw: Draw): [string, string][] {
  const headers: [string, string][] = [];
  for (const name of HEADERS) if (draw.chance(35)) headers.push([name, draw.one([...VALUES, "two words", "b, c"])]);
  const often = (percent: number, name: string, values: readonly string[]): void => {
    if (draw.chance(percent)) headers.push([name, draw.one(values)]);
  };
  often(25, "cookie", [
    `${draw.one(COOKIES)}=${draw.one(VALUES)}`,
    "beta=on; side=b; beta=1",
    "__Host-selvage-session-web=1; beta=on",
  ]);
  if (draw.chance(7)) headers.push(...drawUpgrade(draw));
  else often(15, "origin", ORIGINS);
  often(10, "access-control-request-method", ["GET", "DELETE"]);
  often(15, "x-forwarded-for", ["203.0.113.5", "203.0.113.5, 10.0.0.2", "no address"]);
  often(8, "forwarded", ["for=203.0.113.6", "for=unknown"]);
  often(8, "x-real-ip", ["203.0.113.8"]);
  often(6, "x-user", ["mallory"]);
  often(6, "x_user", ["mallory"]);
  often(6, "idempotency-key", ['"one-key"', "bare-key", '""']);
  often(5, "txn-token", ["forged"]);
  often(5, "connection", ["x-a", "close"]);
  often(5, "via", ["1.1 selvage", Array(9).fill("1.1 selvage").join(", ")]);
  often(5, "user-agent", ["curl/8"]);
  often(4, "tracestate", ["a=b"]);
  often(3, "content-type", ["application/json", "application/grpc, text/plain"]);
  often(3, "cache-control", ["no-cache", "only-if-cached"]);
  often(3, "dpop", ["x"]);
  often(8, "accept", ["application/vnd.shop.v2+json", "application/vnd.shop+json; version=1", "text/html", "*/*"]);
  return headers;
}

function drawUpgrade(draw: Draw): [string, string][] {
  return [
    ["upgrade", draw.one(["websocket", "websocket", "WebSocket", "h2c"])],
    ["sec-websocket-key", draw.chance(90) ? "dGhlIHNhbXBsZSBub25jZQ==" : "short"],
    ["sec-websocket-version", draw.chance(90) ? "13" : "8"],
    ...draw.some<[string, string]>([
      ["accept", "*/*"],
      ["origin", draw.one(ORIGINS)],
    ]),
  ];
}
