/** What a call by gRPC says in its fields (PROTOCOL-HTTP2.md of gRPC): its time, how it ended, when it may be repeated. */

/** `Timeout` of a request. */
export const GRPC_TIMEOUT = "grpc-timeout";
export const GRPC_STATUS = "grpc-status";
/** gRFC A6: when a call may be repeated, as the server says. */
export const GRPC_PUSHBACK = "grpc-retry-pushback-ms";
/** gRFC A6: attempts of this call before this one. */
export const GRPC_ATTEMPTS = "grpc-previous-rpc-attempts";

/** Codes of `grpc-status` that are named here. */
export const grpcCode = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  permissionDenied: 7,
  resourceExhausted: 8,
  aborted: 10,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const;

const LAST_CODE = grpcCode.unauthenticated;

const UNIT_MS: Readonly<Record<string, number>> = { n: 1e-6, u: 1e-3, m: 1, S: 1e3, M: 6e4, H: 3.6e6 };

/** @param value of `grpc-timeout`. @returns milliseconds; undefined: absent or malformed, which counts as none */
export function parseGrpcTimeoutMs(value: string | undefined): number | undefined {
  if (value === undefined || !/^\d{1,8}[numSMH]$/.test(value)) return undefined;
  return Number(value.slice(0, -1)) * (UNIT_MS[value.slice(-1)] as number);
}

/** The value of `grpc-timeout` for a time, never more than it. @param ms above 0 */
export function grpcTimeout(ms: number): string {
  if (ms < 1) return `${Math.max(1, Math.floor(ms * 1e6))}n`;
  if (ms < 1e8) return `${Math.floor(ms)}m`;
  return `${Math.min(99_999_999, Math.floor(ms / 1e3))}S`;
}

/** @param value of `grpc-status`. @returns undefined where there is none; what is no code of gRPC is UNKNOWN */
export function parseGrpcStatus(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  return /^\d{1,2}$/.test(value) && Number(value) <= LAST_CODE ? Number(value) : grpcCode.unknown;
}

/** What an answer without `grpc-status` means by its HTTP status (http-grpc-status-mapping.md of gRPC). */
export function grpcStatusOfHttp(status: number): number {
  if (status === 400 || status === 431) return grpcCode.internal;
  if (status === 401) return grpcCode.unauthenticated;
  if (status === 403) return grpcCode.permissionDenied;
  if (status === 404) return grpcCode.unimplemented;
  return [429, 502, 503, 504].includes(status) ? grpcCode.unavailable : grpcCode.unknown;
}

/** @returns milliseconds until a call may be repeated; negative: not at all, also where the value is malformed; undefined: absent */
export function parsePushbackMs(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  return /^\d{1,10}$/.test(value) ? Number(value) : -1;
}
