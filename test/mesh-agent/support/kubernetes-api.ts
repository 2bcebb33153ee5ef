/**
 * The part of a Kubernetes API server that EndpointSlices are listed and watched by, over TLS and with a bearer token; shapes as
 * `kubectl get endpointslices -o json` and `?watch=1` give them.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { makeAuthority } from "../../support/certificates.ts";

export interface SliceEndpoint {
  readonly addresses: readonly string[];
  readonly conditions?: { ready?: boolean; serving?: boolean; terminating?: boolean };
  readonly zone?: string;
  readonly targetRef?: { readonly kind: "Pod"; readonly name: string };
}

export interface SliceShape {
  readonly metadata: { readonly name: string; readonly resourceVersion?: string };
  readonly addressType: string;
  readonly endpoints: readonly SliceEndpoint[];
  readonly ports: readonly { readonly name?: string; readonly port: number }[];
}

export class TestKubernetes {
  readonly rootPem: string;
  token = "token-1";
  /** Slices of one page of a list. */
  pageSize = 100;
  /** Status of every call instead of an answer. */
  failing: number | undefined;
  /** A watch from before this is too old. */
  oldest = 0;
  /** 410 as an event of the watch, not as its status. */
  goneAsEvent = false;
  readonly asked: string[] = [];
  readonly watches = new Set<ServerResponse>();
  readonly #slices = new Map<string, SliceShape>();
  readonly #events: { version: number; text: string }[] = [];
  readonly #server: Server;
  #version = 1000;

  private constructor(server: Server, rootPem: string) {
    this.#server = server;
    this.rootPem = rootPem;
    server.on("request", (request, response) => this.#serve(request, response));
  }

  static async start(): Promise<TestKubernetes> {
    const authority = await makeAuthority("cluster.local");
    const { keyPem: key, certPem: cert } = await authority.issue("apiserver", { dnsNames: ["localhost"] });
    const server = createServer({ key, cert });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new TestKubernetes(server, authority.rootPem);
  }

  get url(): string {
    return `https://localhost:${(this.#server.address() as AddressInfo).port}`;
  }

  put(name: string, port: number, endpoints: readonly SliceEndpoint[], addressType = "IPv4"): void {
    const type = this.#slices.has(name) ? "MODIFIED" : "ADDED";
    const slice = this.#versioned({ metadata: { name }, addressType, endpoints, ports: [{ name: "http", port }] });
    this.#slices.set(name, slice);
    this.#tell(type, slice);
  }

  delete(name: string): void {
    const slice = this.#slices.get(name);
    this.#slices.delete(name);
    if (slice !== undefined) this.#tell("DELETED", this.#versioned(slice));
  }

  bookmark(): void {
    this.#version++;
    this.#tell("BOOKMARK", {
      kind: "EndpointSlice",
      apiVersion: "discovery.k8s.io/v1",
      metadata: { resourceVersion: String(this.#version), creationTimestamp: null },
      endpoints: null,
      ports: null,
      addressType: "",
    });
  }

  /** Every watch breaks off. */
  disconnect(): void {
    for (const watch of this.watches) watch.destroy();
  }

  /** Nothing of before is kept: watches from there are too old. */
  compact(): void {
    this.oldest = ++this.#version;
    this.#events.length = 0;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #versioned(slice: SliceShape): SliceShape {
    return { ...slice, metadata: { ...slice.metadata, resourceVersion: String(++this.#version) } };
  }

  #tell(type: string, object: object): void {
    const text = `${JSON.stringify({ type, object })}\n`;
    this.#events.push({ version: this.#version, text });
    for (const watch of this.watches) watch.write(text);
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? "/", "https://localhost");
    this.asked.push(`${url.pathname}?${url.searchParams}`);
    const status = (code: number, message: string): void => {
      const body = { kind: "Status", apiVersion: "v1", status: "Failure", message, code };
      response.writeHead(code, { "content-type": "application/json" }).end(JSON.stringify(body));
    };
    if (request.headers.authorization !== `Bearer ${this.token}`) status(401, "Unauthorized");
    else if (this.failing !== undefined) status(this.failing, "the server is in trouble");
    else if (url.searchParams.get("watch") === "true") this.#watch(url, response, status);
    else this.#list(url, response);
  }

  #list(url: URL, response: ServerResponse): void {
    const all = [...this.#slices.values()];
    const from = Number(url.searchParams.get("continue") ?? 0);
    const items = all.slice(from, from + this.pageSize);
    const next = from + this.pageSize < all.length ? { continue: String(from + this.pageSize) } : {};
    const metadata = { resourceVersion: String(this.#version), ...next };
    const list = { kind: "EndpointSliceList", apiVersion: "discovery.k8s.io/v1", metadata, items };
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(list));
  }

  #watch(url: URL, response: ServerResponse, status: (code: number, message: string) => void): void {
    const from = Number(url.searchParams.get("resourceVersion"));
    const isOld = from < this.oldest;
    if (isOld && !this.goneAsEvent) {
      status(410, "Expired: too old resource version");
      return;
    }
    response.writeHead(200, { "content-type": "application/json", "transfer-encoding": "chunked" });
    response.flushHeaders();
    if (isOld) {
      const object = { kind: "Status", status: "Failure", reason: "Expired", code: 410, message: "too old" };
      response.end(`${JSON.stringify({ type: "ERROR", object })}\n`);
      return;
    }
    for (const { version, text } of this.#events) if (version > from) response.write(text);
    this.watches.add(response);
    response.on("close", () => this.watches.delete(response));
  }
}

/** A pod that is ready. */
export const pod = (name: string, address: string, more: Partial<SliceEndpoint> = {}): SliceEndpoint => ({
  addresses: [address],
  conditions: { ready: true, serving: true, terminating: false },
  targetRef: { kind: "Pod", name },
  ...more,
});
