/** How a call by gRPC ended, as an answer by HTTP (google/rpc/code.proto). */
import { bytesOfBase64 } from "../http/base64.ts";
import { parseGrpcStatus } from "../http/grpc-call.ts";

/** Name, status and title by code. 499 is what the table has, though HTTP does not know it. */
const CODES: readonly (readonly [name: string, status: number, title: string])[] = [
  ["OK", 200, "OK"],
  ["CANCELLED", 499, "Cancelled"],
  ["UNKNOWN", 500, "Unknown error"],
  ["INVALID_ARGUMENT", 400, "Invalid argument"],
  ["DEADLINE_EXCEEDED", 504, "Deadline exceeded"],
  ["NOT_FOUND", 404, "Not found"],
  ["ALREADY_EXISTS", 409, "Already exists"],
  ["PERMISSION_DENIED", 403, "Permission denied"],
  ["RESOURCE_EXHAUSTED", 429, "Resource exhausted"],
  ["FAILED_PRECONDITION", 400, "Failed precondition"],
  ["ABORTED", 409, "Aborted"],
  ["OUT_OF_RANGE", 400, "Out of range"],
  ["UNIMPLEMENTED", 501, "Not implemented"],
  ["INTERNAL", 500, "Internal error"],
  ["UNAVAILABLE", 503, "Service unavailable"],
  ["DATA_LOSS", 500, "Data loss"],
  ["UNAUTHENTICATED", 401, "Unauthenticated"],
];

/** The end of a call. */
export interface CallStatus {
  /** 0 to 16; 0: all is well. */
  readonly code: number;
  readonly message: string;
  /** `google.rpc.Status` in its binary form; absent: there are no details. */
  readonly details?: Uint8Array;
}

/** @returns undefined where the fields do not say how the call ended */
export function callStatusOf(get: (name: string) => string | null | undefined): CallStatus | undefined {
  const code = parseGrpcStatus(get("grpc-status") ?? undefined);
  if (code === undefined) return undefined;
  const details = binaryField(get("grpc-status-details-bin"));
  return { code, message: percentDecoded(get("grpc-message") ?? ""), ...(details !== undefined && { details }) };
}

/** What a client is told of a call that failed: RFC 9457, with the name of the code. */
export interface StatusProblem {
  readonly type: "about:blank";
  readonly title: string;
  /** Of HTTP. */
  readonly status: number;
  readonly detail?: string;
  /** `NOT_FOUND` */
  readonly code: string;
  readonly [member: string]: unknown;
}

/** @param more members of the problem */
export function statusProblem({ code, message }: CallStatus, more: Readonly<Record<string, unknown>>): StatusProblem {
  const [name, status, title] = CODES[code] ?? (CODES[2] as (typeof CODES)[number]);
  return { type: "about:blank", title, status, ...(message !== "" && { detail: message }), code: name, ...more };
}

/** `Status-Message` (PROTOCOL-HTTP2.md of gRPC): what is no escape stays as it is, what is no UTF-8 is U+FFFD. */
function percentDecoded(text: string): string {
  if (!text.includes("%")) return text;
  return text.replace(/(?:%[0-9A-Fa-f]{2})+/g, (run) =>
    new TextDecoder().decode(Uint8Array.from(run.slice(1).split("%"), (digits) => Number.parseInt(digits, 16))),
  );
}

/** The value of a field whose name ends with `-bin`: base64 with or without padding; of several the first. */
function binaryField(value: string | null | undefined): Uint8Array | undefined {
  const [first = ""] = (value ?? "").split(",");
  const text = first.trim().replace(/={1,2}$/, "");
  return text === "" ? undefined : bytesOfBase64(text + "=".repeat((4 - (text.length % 4)) % 4));
}
