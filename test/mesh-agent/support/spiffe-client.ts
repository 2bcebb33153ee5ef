/** The SPIFFE Workload API by the gRPC client that applications use; messages by the standard's workloadapi.proto. */
import { X509Certificate } from "node:crypto";
import * as grpc from "@grpc/grpc-js";
export interface SvidMessage {
  readonly svids: readonly {
    readonly spiffeId: string;
    readonly x509Svid: Buffer;
    readonly x509SvidKey: Buffer;
    readonly bundle: Buffer;
  }[];
  readonly federatedBundles: Readonly<Record<string, Buffer>>;
}
export interface BundlesMessage {
  readonly bundles: Readonly<Record<string, Buffer>>;
}

type Fields = Readonly<Record<number, readonly Buffer[]>>;

/** Fields of a message, of which all have a length, by their numbers. */
function fieldsOf(message: Buffer): Fields {
  const found: Record<number, Buffer[]> = {};
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const octet = message.readUInt8(at++);
      value |= (octet & 0x7f) << shift;
      if (octet < 0x80) return value;
    }
  };
  while (at < message.length) {
    const tag = varint();
    if ((tag & 7) !== 2) throw new Error(`field ${tag >> 3} has no length`);
    const length = varint();
    found[tag >> 3] = [...(found[tag >> 3] ?? []), message.subarray(at, at + length)];
    at += length;
  }
  return found;
}

const one = (fields: Fields, number: number): Buffer => fields[number]?.[0] ?? Buffer.alloc(0);
const mapOf = (entries: readonly Buffer[] = []): Record<string, Buffer> =>
  Object.fromEntries(entries.map(fieldsOf).map((entry) => [one(entry, 1).toString(), one(entry, 2)]));

function readSvids(message: Buffer): SvidMessage {
  const fields = fieldsOf(message);
  const svids = (fields[1] ?? []).map(fieldsOf).map((svid) => ({
    spiffeId: one(svid, 1).toString(),
    x509Svid: one(svid, 2),
    x509SvidKey: one(svid, 3),
    bundle: one(svid, 4),
  }));
  return { svids, federatedBundles: mapOf(fields[3]) };
}

function readBundles(message: Buffer): BundlesMessage {
  return { bundles: mapOf(fieldsOf(message)[2]) };
}

/** Certificates that stand one after the other, DER. */
export function certificatesOf(der: Buffer): X509Certificate[] {
  const found: X509Certificate[] = [];
  for (let rest = der; rest.length > 0; ) {
    const one = new X509Certificate(rest);
    found.push(one);
    rest = rest.subarray(one.raw.length);
  }
  return found;
}

export class SpiffeClient {
  readonly #client: grpc.Client;

  constructor(path: string) {
    this.#client = new grpc.Client(`unix://${path}`, grpc.credentials.createInsecure());
  }

  svids(mark?: string): Call<SvidMessage> {
    return this.call("FetchX509SVID", readSvids, mark);
  }

  bundles(): Call<BundlesMessage> {
    return this.call("FetchX509Bundles", readBundles);
  }

  /** @param mark value of `workload.spiffe.io` */
  call<Message>(method: string, read: (message: Buffer) => Message, mark = "true"): Call<Message> {
    const metadata = new grpc.Metadata();
    if (mark !== "") metadata.set("workload.spiffe.io", mark);
    const stream = this.#client.makeServerStreamRequest<Buffer, Message>(
      `/SpiffeWorkloadAPI/${method}`,
      (value) => value,
      read,
      Buffer.alloc(0),
      metadata,
    );
    return new Call(stream);
  }

  close(): void {
    this.#client.close();
  }
}

export class Call<Message> {
  readonly messages: Message[] = [];
  /** Code of its end. */
  readonly ended: Promise<number>;
  readonly #stream: grpc.ClientReadableStream<Message>;

  constructor(stream: grpc.ClientReadableStream<Message>) {
    this.#stream = stream;
    stream.on("data", (message: Message) => this.messages.push(message));
    stream.on("error", () => undefined);
    this.ended = new Promise((resolve) => stream.on("status", ({ code }) => resolve(code)));
  }

  get last(): Message | undefined {
    return this.messages.at(-1);
  }

  cancel(): void {
    this.#stream.cancel();
  }
}
