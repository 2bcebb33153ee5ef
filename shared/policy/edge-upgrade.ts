/** WebSockets at the edge: whether a route takes one, whether the handshake is in order, and whose pages may ask for it. */
import type { ErrorCode } from "../errors.ts";
import { allowedOrigin } from "./cors.ts";
import type { CorsSettings } from "./settings.ts";
import { chooseUpgrade, WEBSOCKET } from "./upgrade.ts";

/** A request with `Upgrade`. */
export interface UpgradeRequest {
  /** Value of the field. */
  readonly offered: string;
  readonly method: string;
  /** Value of another field. @param name in lower case */
  readonly field: (name: string) => string | null | undefined;
  /** The gateway's own origin, as the client's browser writes it. */
  readonly ownOrigin: string;
}

export type UpgradeVerdict =
  | { readonly protocol: typeof WEBSOCKET }
  | { readonly refused: { readonly code: ErrorCode; readonly reason: string } };

/** The version of RFC 6455, section 4.1. */
export const WEBSOCKET_VERSION = "13";
/** 16 bytes in base64, RFC 6455 section 4.1. */
const KEY = /^[A-Za-z0-9+/]{22}==$/;

/**
 * @param upgrades protocols that the route takes; absent: none
 * @param cors of the gateway
 * @returns undefined: the offer is passed over, and the request is one as any other
 */
export function judgeUpgrade(
  request: UpgradeRequest,
  upgrades: readonly string[] | undefined,
  cors: CorsSettings | undefined,
): UpgradeVerdict | undefined {
  const choice = chooseUpgrade(request.offered.toLowerCase(), upgrades ?? []);
  if (choice === undefined) return undefined;
  if (choice === "refused") return refuse("not_implemented", "the route takes no WebSocket: it has no `upgrades`");
  return handshakeFault(request) ?? originFault(request, cors) ?? { protocol: WEBSOCKET };
}

function handshakeFault({ method, field }: UpgradeRequest): UpgradeVerdict | undefined {
  if (method !== "GET") return refuse("bad_request", `a WebSocket is asked for by GET, not by ${method}`);
  if (!KEY.test(field("sec-websocket-key") ?? ""))
    return refuse("bad_request", "Sec-WebSocket-Key is not 16 bytes in base64");
  const version = field("sec-websocket-version") ?? "";
  if (version === WEBSOCKET_VERSION) return undefined;
  return refuse("websocket_version", `Sec-WebSocket-Version is ${JSON.stringify(version.slice(0, 20))}`);
}

/**
 * Browsers ask nobody before they open a WebSocket, and send cookies along: any page could use a visitor's session (RFC 6455
 * section 10.2). So what CORS says of reading answers decides here, too.
 */
function originFault({ field, ownOrigin }: UpgradeRequest, cors: CorsSettings | undefined): UpgradeVerdict | undefined {
  const origin = field("origin");
  if (typeof origin !== "string" || origin === ownOrigin) return undefined;
  const shown = JSON.stringify(origin.slice(0, 200));
  if (cors === undefined || allowedOrigin(cors, origin) === undefined)
    return refuse("origin_not_allowed", `a WebSocket for pages of ${shown}, which is not ${ownOrigin} nor in \`cors\``);
  if (typeof field("cookie") !== "string" || cors.credentials) return undefined;
  return refuse(
    "origin_not_allowed",
    `a WebSocket with cookies for pages of ${shown}, and \`cors\` allows no credentials`,
  );
}

function refuse(code: ErrorCode, reason: string): UpgradeVerdict {
  return { refused: { code, reason } };
}
