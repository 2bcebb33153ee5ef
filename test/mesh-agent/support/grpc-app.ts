/** An application by gRPC that knows nothing of the mesh: bytes in, bytes out, with every kind of call. */
import * as grpc from "@grpc/grpc-js";

const bytes = (value: Buffer): Buffer => value;
const method = (name: string, requestStream: boolean, responseStream: boolean) => ({
  path: `/test.Echo/${name}`,
  requestStream,
  responseStream,
  requestSerialize: bytes,
  requestDeserialize: bytes,
  responseSerialize: bytes,
  responseDeserialize: bytes,
});

const service = {
  unary: method("Unary", false, false),
  clientStream: method("ClientStream", true, false),
  serverStream: method("ServerStream", false, true),
  bidi: method("Bidi", true, true),
  fail: method("Fail", false, false),
  hang: method("Hang", false, false),
  paced: method("Paced", false, true),
  next: method("Next", false, false),
  counts: method("Counts", false, false),
};

const counts = { unary: 0, cancelled: 0, hanging: 0 };
/** Streams that say something when they are told to. */
const paced = new Map<string, grpc.ServerWritableStream<Buffer, Buffer>>();
const given = (metadata: grpc.Metadata, name: string): string => String(metadata.get(name)[0] ?? "");

const server = new grpc.Server({ "grpc.max_receive_message_length": 32 << 20, "grpc.max_metadata_size": 60_000 });
server.addService(service, {
  unary(call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) {
    counts.unary++;
    const initial = new grpc.Metadata();
    for (const name of ["x-text", "x-bytes-bin", "grpc-timeout", "traceparent"])
      for (const value of call.metadata.get(name)) initial.add(`echo-${name}`, value);
    const deadline = call.getDeadline();
    initial.add("left-ms", String(deadline === Number.POSITIVE_INFINITY ? "" : Number(deadline) - Date.now()));
    initial.add("from", process.env.APP_NAME ?? "");
    call.sendMetadata(initial);
    const trailers = new grpc.Metadata();
    for (const value of call.metadata.get("x-bytes-bin")) trailers.add("trailer-bin", value);
    done(null, call.request, trailers);
  },
  clientStream(call: grpc.ServerReadableStream<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) {
    let length = 0;
    call.on("data", (message: Buffer) => {
      length += message.length;
    });
    call.on("end", () => done(null, Buffer.from(String(length))));
  },
  serverStream(call: grpc.ServerWritableStream<Buffer, Buffer>) {
    for (let at = 0; at < Number(call.request.toString()); at++) call.write(Buffer.from(String(at)));
    call.end();
  },
  bidi(call: grpc.ServerDuplexStream<Buffer, Buffer>) {
    call.on("data", (message: Buffer) => call.write(message));
    call.on("end", () => call.end());
    call.on("cancelled", () => counts.cancelled++);
  },
  fail(call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) {
    counts.unary++;
    const code = Number(call.request.toString());
    const trailers = new grpc.Metadata();
    const pushback = given(call.metadata, "x-pushback");
    if (pushback !== "") trailers.set("grpc-retry-pushback-ms", pushback);
    for (const name of ["grpc-status-details-bin", "x-bytes-bin"])
      for (const value of call.metadata.get(name)) trailers.add(name, value);
    // With a head of its own the status comes in trailers, else in the head.
    if (given(call.metadata, "x-head") !== "") call.sendMetadata(new grpc.Metadata());
    done({ code, details: "as asked: é", metadata: trailers });
  },
  hang(call: grpc.ServerUnaryCall<Buffer, Buffer>) {
    counts.hanging++;
    call.on("cancelled", () => counts.cancelled++);
  },
  paced(call: grpc.ServerWritableStream<Buffer, Buffer>) {
    const id = call.request.toString();
    paced.set(id, call);
    call.on("cancelled", () => counts.cancelled++);
    call.write(Buffer.from(`begun ${id}`));
  },
  /** `ID MESSAGE`; without a message it ends. */
  next(call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) {
    const [id = "", text] = call.request.toString().split(" ");
    const stream = paced.get(id);
    if (text === undefined) stream?.end();
    else stream?.write(Buffer.from(text));
    done(null, Buffer.from(stream === undefined ? "none" : "said"));
  },
  counts(_call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) {
    done(null, Buffer.from(JSON.stringify(counts)));
  },
});
server.bindAsync(`127.0.0.1:${process.env.PORT}`, grpc.ServerCredentials.createInsecure(), (error) => {
  if (error !== null) throw error;
});
process.on("SIGTERM", () => server.tryShutdown(() => process.exit(0)));
