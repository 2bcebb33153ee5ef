/** An issuer of SVIDs as SPIRE is one: its authority, its bundle endpoint, and its Workload API, which speaks the published protobuf by grpc-js. */
import { X509Certificate } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { type LeafOptions, makeAuthority, type TestAuthority } from "./certificates.ts";

/** As the fields of the protobuf are named. */
export interface SvidFields {
  spiffe_id: string;
  x509_svid: Buffer;
  x509_svid_key: Buffer;
  bundle: Buffer;
  hint?: string;
}
interface Response {
  svids: SvidFields[];
  federated_bundles?: Record<string, Buffer>;
}
type Stream = grpc.ServerWritableStream<object, Response>;

const { SpiffeWorkloadAPI: service } = grpc.loadPackageDefinition(
  loadSync(join(import.meta.dirname, "protos/workload.proto"), { keepCase: true }),
) as unknown as { SpiffeWorkloadAPI: grpc.ServiceClientConstructor };

export const derOf = (pem: string): Buffer => {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return Buffer.concat(blocks.map((block) => new X509Certificate(block).raw));
};
export const keyOf = (pem: string): Buffer => Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ""), "base64");

/** A Workload API for one process at a socket: what is `told` goes to all that call. */
export class WorkloadApiServer {
  readonly streams = new Set<Stream>();
  /** Calls that came without the header that the standard asks for. */
  unmarked = 0;
  calls = 0;
  /** Ends calls with that code instead. */
  refuses: number | undefined;
  #last: Response | undefined;
  #server = new grpc.Server();
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async start(path: string): Promise<WorkloadApiServer> {
    const api = new WorkloadApiServer(path);
    await api.open();
    return api;
  }

  async open(): Promise<void> {
    this.#server = new grpc.Server();
    this.#server.addService(service.service, { FetchX509SVID: (call: Stream) => this.#serve(call) });
    await new Promise<void>((done, failed) => {
      const credentials = grpc.ServerCredentials.createInsecure();
      this.#server.bindAsync(`unix:${this.path}`, credentials, (error) => (error === null ? done() : failed(error)));
    });
  }

  #serve(call: Stream): void {
    this.calls++;
    if (call.metadata.get("workload.spiffe.io")[0] !== "true") this.unmarked++;
    if (this.refuses !== undefined) {
      call.emit("error", { code: this.refuses, details: "no identity issued" });
      return;
    }
    this.streams.add(call);
    for (const event of ["cancelled", "close", "error"]) call.on(event, () => this.streams.delete(call));
    if (this.#last !== undefined) call.write(this.#last);
  }

  tell(svids: SvidFields[], federated: Record<string, Buffer> = {}): void {
    this.#last = { svids, federated_bundles: federated };
    for (const stream of this.streams) stream.write(this.#last);
  }

  /** As a SPIRE agent that was killed. */
  close(): void {
    this.#server.forceShutdown();
    this.streams.clear();
  }
}

/** The other side of an agent of SPIRE. */
export class OutsideAuthority {
  readonly trustDomain: string;
  authority: TestAuthority;
  /** PEM. */
  roots: string[];
  #sequence = 1;
  readonly #endpoint: Server = createServer((_, response) => {
    const keys = this.roots.map((pem) => ({
      ...new X509Certificate(pem).publicKey.export({ format: "jwk" }),
      use: "x509-svid",
      x5c: [derOf(pem).toString("base64")],
    }));
    response.end(JSON.stringify({ spiffe_sequence: this.#sequence, keys }));
  });

  private constructor(authority: TestAuthority) {
    this.trustDomain = authority.trustDomain;
    this.authority = authority;
    this.roots = [authority.rootPem];
  }

  static async start(trustDomain: string): Promise<OutsideAuthority> {
    const outside = new OutsideAuthority(await makeAuthority(trustDomain));
    await new Promise<void>((done) => outside.#endpoint.listen(0, "127.0.0.1", done));
    return outside;
  }

  get bundleUrl(): string {
    return `http://127.0.0.1:${(this.#endpoint.address() as AddressInfo).port}/`;
  }

  /** The bundle, DER. */
  get bundle(): Buffer {
    return derOf(this.roots.join("\n"));
  }

  setRoots(...roots: string[]): void {
    this.roots = roots;
    this.#sequence++;
  }

  /** @param path of the SPIFFE ID */
  async svid(path: string, options: LeafOptions = {}): Promise<SvidFields> {
    const spiffeId = `spiffe://${this.trustDomain}${path}`;
    const { certPem, keyPem } = await this.authority.issue("x", { uris: [spiffeId], ...options });
    return { spiffe_id: spiffeId, x509_svid: derOf(certPem), x509_svid_key: keyOf(keyPem), bundle: this.bundle };
  }

  close(): void {
    this.#endpoint.closeAllConnections();
    this.#endpoint.close();
  }
}
