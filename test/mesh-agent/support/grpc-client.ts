/** Calls by the gRPC client that applications use, with bytes for messages. */
import * as grpc from "@grpc/grpc-js";

const bytes = (value: Buffer): Buffer => value;
const pathOf = (name: string): string => `/test.Echo/${name}`;

export interface Outcome {
  readonly code: number;
  readonly details: string;
  readonly body: Buffer | undefined;
  readonly head: grpc.Metadata | undefined;
  readonly trailers: grpc.Metadata | undefined;
}

export class EchoClient {
  readonly client: grpc.Client;

  /** @param options `grpc.default_authority` names the service where the address does not */
  constructor(address: string, options: grpc.ClientOptions = {}) {
    this.client = new grpc.Client(address, grpc.credentials.createInsecure(), {
      "grpc.max_receive_message_length": 32 << 20,
      "grpc.enable_retries": 0,
      // A connection of its own: its streams share the client's room for all bodies.
      "grpc.use_local_subchannel_pool": 1,
      ...options,
    });
  }

  unary(name: string, body: Buffer | string, metadata = new grpc.Metadata(), options: grpc.CallOptions = {}) {
    return new Promise<Outcome>((resolve) => {
      let head: grpc.Metadata | undefined;
      let answer: Buffer | undefined;
      const call = this.client.makeUnaryRequest<Buffer, Buffer>(
        pathOf(name),
        bytes,
        bytes,
        Buffer.from(body),
        metadata,
        options,
        (_error, value) => {
          answer = value;
        },
      );
      call.on("metadata", (value) => {
        head = value;
      });
      call.on("status", ({ code, details, metadata: trailers }) =>
        setImmediate(() => resolve({ code, details, body: answer, head, trailers })),
      );
    });
  }

  clientStream(name: string, done: (error: grpc.ServiceError | null, value?: Buffer) => void) {
    return this.client.makeClientStreamRequest<Buffer, Buffer>(pathOf(name), bytes, bytes, done);
  }

  serverStream(name: string, body: string) {
    return this.client.makeServerStreamRequest<Buffer, Buffer>(pathOf(name), bytes, bytes, Buffer.from(body));
  }

  bidi(name: string, options: grpc.CallOptions = {}) {
    return this.client.makeBidiStreamRequest<Buffer, Buffer>(pathOf(name), bytes, bytes, options);
  }

  async counts(): Promise<{ unary: number; cancelled: number; hanging: number }> {
    const { body } = await this.unary("Counts", "");
    return JSON.parse(String(body));
  }

  close(): void {
    this.client.close();
  }
}

/** The status with which a stream ends. */
export function statusOf(call: grpc.ClientReadableStream<Buffer> | grpc.ClientDuplexStream<Buffer, Buffer>) {
  return new Promise<grpc.StatusObject>((resolve) => {
    call.on("error", () => undefined);
    call.on("status", resolve);
  });
}
