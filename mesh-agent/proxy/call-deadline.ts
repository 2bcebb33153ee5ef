/** What is left of a call's time: told to whoever is next, and held to the end of the call where gRPC says so. */
import { SelvageError } from "../../shared/errors.ts";
import { deadlineHeader } from "../../shared/http/deadline.ts";
import type { FieldList } from "../../shared/http/field-list.ts";
import { GRPC_TIMEOUT, grpcTimeout } from "../../shared/http/grpc-call.ts";
import { DEADLINE } from "../../shared/http/header-names.ts";
import type { Call } from "./call.ts";
import { type DeadlineWatch, requestDeadlines, type Watched } from "./deadline-watch.ts";

/** Says in a request that goes on how much time is left. @param leftMs Infinity: nobody has set a time */
export function putDeadline(fields: FieldList, isGrpc: boolean, leftMs: number): void {
  if (leftMs === Number.POSITIVE_INFINITY) {
    fields.remove(DEADLINE);
    return;
  }
  fields.set(DEADLINE, deadlineHeader(leftMs, 0) ?? "1");
  if (isGrpc) fields.set(GRPC_TIMEOUT, grpcTimeout(Math.max(leftMs, 1)));
}

/** When all of a call by gRPC must be over, monotonic milliseconds. */
export const endOf = ({ endMs, deadlineMs }: Call): number => endMs ?? deadlineMs;

/** A deadline of gRPC is for the whole call: ends it also when its answer has begun. */
export function endInTime(call: Call): void {
  const leftMs = endOf(call) - performance.now();
  if (leftMs === Number.POSITIVE_INFINITY) return;
  const end = new EndOfTime(call);
  requestDeadlines.arm(end, leftMs);
  call.onFinish(() => requestDeadlines.disarm(end));
}

class EndOfTime implements Watched {
  deadlineMs = 0;
  watchNext: Watched | undefined;
  watchPrevious: Watched | undefined;
  watchedBy: DeadlineWatch | undefined;
  readonly #call: Call;

  constructor(call: Call) {
    this.#call = call;
  }

  onDeadline(): void {
    this.#call.fail(new SelvageError("deadline_exceeded", "the call's time was over before its end", { sent: "body" }));
  }
}
