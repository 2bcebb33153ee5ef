/** What callers by gRPC are told of answers that are none of gRPC's. */
import { FieldList } from "../../../shared/http/field-list.ts";
import { GRPC_STATUS, grpcCode, grpcStatusOfHttp } from "../../../shared/http/grpc-call.ts";
import type { BodyWriter } from "../engine.ts";

const ending = (status: number, message: string): FieldList =>
  FieldList.from([
    [GRPC_STATUS, String(status)],
    ["grpc-message", message],
  ]);

/** @param status of HTTP (http-grpc-status-mapping.md of gRPC) */
export const statusOfHttp = (status: number): FieldList =>
  ending(grpcStatusOfHttp(status), `HTTP status ${status} instead of an answer by gRPC`);

/** An answer by gRPC has ended, and not said how. */
export const noStatus = (): FieldList => ending(grpcCode.unknown, "the answer ended without a status");

/** Leaves out content that is for people. */
export class WithoutContent implements BodyWriter {
  readonly #to: BodyWriter;
  readonly #trailers: FieldList | undefined;

  /** @param trailers that it ends with */
  constructor(to: BodyWriter, trailers?: FieldList) {
    this.#to = to;
    this.#trailers = trailers;
  }

  write(): boolean {
    return true;
  }

  onDrain(callback: () => void): void {
    this.#to.onDrain(callback);
  }

  end(): void {
    this.#to.end(this.#trailers);
  }
}
