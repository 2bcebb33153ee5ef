/** A real server of gRPC for `protos/kinds.proto`, which knows nothing of the mesh. It listens at `PORT`. */
import { readFileSync } from "node:fs";
import {
  type DescMethod,
  fromBinary,
  fromJson,
  type JsonValue,
  type Message,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import { readDescriptor } from "../../shared/transcode/descriptor.ts";

const registry = readDescriptor(new Uint8Array(readFileSync(new URL("./protos/kinds.binpb", import.meta.url))));
const service = registry.getService("test.kinds.Kinds");
if (service === undefined) throw new Error("no service");

/** Handlers have messages as JSON. */
type Value = Record<string, JsonValue>;

const reads =
  ({ input }: DescMethod) =>
  (bytes: Buffer): Value =>
    toJson(input, fromBinary(input, bytes) as Message, { registry }) as Value;
const writes =
  ({ output }: DescMethod) =>
  (value: Value): Buffer =>
    Buffer.from(toBinary(output, fromJson(output, value, { registry })));

const definition = Object.fromEntries(
  service.methods.map((method) => [
    method.name,
    {
      path: `/${service.typeName}/${method.name}`,
      requestStream: method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming",
      responseStream: method.methodKind === "server_streaming" || method.methodKind === "bidi_streaming",
      requestSerialize: (): Buffer => Buffer.alloc(0),
      requestDeserialize: reads(method),
      responseSerialize: writes(method),
      responseDeserialize: (): Value => ({}),
    },
  ]),
);

/** Streams wait here, by the text that they were asked with, until somebody lets them go on. */
const waiting = new Map<string, () => void>();
let cancelled = 0;

/** `fail 5 why`: what a request asks to be refused with. */
function failure(call: { readonly metadata: grpc.Metadata }, text: string): Partial<grpc.StatusObject> {
  const [, code, ...why] = text.split(" ");
  const metadata = new grpc.Metadata();
  for (const value of call.metadata.get("details-bin")) metadata.set("grpc-status-details-bin", value);
  return { code: Number(code), details: why.join(" "), metadata };
}

const textOf = (value: Value): string => String(value.text ?? "");

const handlers: grpc.UntypedServiceImplementation = {
  Echo(call: grpc.ServerUnaryCall<Value, Value>, done: grpc.sendUnaryData<Value>) {
    const head = new grpc.Metadata();
    for (const name of ["x-tenant", "x-bytes-bin"])
      for (const value of call.metadata.get(name)) head.add(`seen-${name}`, value);
    head.set("left-ms", String(Number(call.getDeadline()) - Date.now()));
    call.sendMetadata(head);
    const trailers = new grpc.Metadata();
    trailers.set("x-cost", "3");
    const text = textOf(call.request);
    if (text === "hang") call.on("cancelled", () => cancelled++);
    else if (text.startsWith("fail ")) done(failure(call, text));
    else done(null, call.request, trailers);
  },
  Plain(call: grpc.ServerUnaryCall<Value, Value>, done: grpc.sendUnaryData<Value>) {
    const text = textOf(call.request);
    if (text.startsWith("fail ")) return done(failure(call, text));
    waiting.get(text)?.();
    done(null, { number: cancelled });
  },
  async Count(call: grpc.ServerWritableStream<Value, Value>) {
    const text = textOf(call.request);
    call.on("cancelled", () => cancelled++);
    if (text.startsWith("fail ")) return void call.emit("error", failure(call, text));
    for (let number = 1; number <= Number(call.request.number); number++) {
      call.write({ text, number });
      if (text !== "" && !text.startsWith("later ")) await new Promise<void>((go) => waiting.set(text, go));
    }
    if (text.startsWith("later ")) call.emit("error", failure(call, text));
    else call.end();
  },
  Download(call: grpc.ServerUnaryCall<Value, Value>, done: grpc.sendUnaryData<Value>) {
    done(null, { contentType: "text/plain", data: Buffer.from(textOf(call.request)).toString("base64") });
  },
  Upload(call: grpc.ServerUnaryCall<Value, Value>, done: grpc.sendUnaryData<Value>) {
    const { contentType, data } = call.request.file as { readonly contentType: string; readonly data: string };
    done(null, { text: `${String(call.request.name)} ${contentType} ${Buffer.from(data, "base64").length}` });
  },
};

const server = new grpc.Server({ "grpc.max_metadata_size": 60_000 });
server.addService(definition, handlers);
server.bindAsync(`127.0.0.1:${process.env.PORT}`, grpc.ServerCredentials.createInsecure(), (error) => {
  if (error !== null) throw error;
});
process.on("SIGTERM", () => server.forceShutdown());
