/** A receiver of OTLP/HTTP that holds requests to the published messages, and misbehaves as it is told. */
import { createServer, type IncomingHttpHeaders, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer, Server as TlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";
import type { TestLeaf } from "./certificates.ts";
import { type ReadLog, type ReadPoint, type ReadSpan, readLogs, readMetrics, readSpans } from "./read-otlp.ts";

export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** Each by the path that it came to. */
  readonly spans: readonly ReadSpan[];
  readonly points: readonly ReadPoint[];
  readonly logs: readonly ReadLog[];
  /** As it came, but for compression. */
  readonly body: Buffer;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

export class OtlpReceiver {
  readonly received: Received[] = [];
  /** What the next requests are answered, in turn; then 200. */
  readonly answers: Answer[] = [];
  /** What was wrong with requests. */
  readonly faults: string[] = [];
  readonly #server: Server | TlsServer;

  private constructor(tls: TestLeaf | undefined) {
    const take: RequestListener = (request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const { url: path = "", headers } = request;
        const { status, headers: fields, body } = this.answers.shift() ?? { status: 200 };
        if (status < 300) this.#read(path, headers, Buffer.concat(chunks));
        response.writeHead(status, { "content-type": "application/x-protobuf", ...fields }).end(body);
      });
    };
    this.#server =
      tls === undefined ? createServer(take) : createTlsServer({ key: tls.keyPem, cert: tls.certPem }, take);
  }

  /** @param tls absent: plain HTTP */
  static async start(tls?: TestLeaf): Promise<OtlpReceiver> {
    const receiver = new OtlpReceiver(tls);
    await new Promise<void>((done) => receiver.#server.listen(0, "127.0.0.1", done));
    return receiver;
  }

  get url(): string {
    return `${this.#server instanceof TlsServer ? "https://localhost" : "http://127.0.0.1"}:${(this.#server.address() as AddressInfo).port}`;
  }

  get spans(): ReadSpan[] {
    return this.received.flatMap(({ spans }) => spans);
  }

  /** Points of metrics, the latest last. */
  get points(): ReadPoint[] {
    return this.received.flatMap(({ points }) => points);
  }

  get logs(): ReadLog[] {
    return this.received.flatMap(({ logs }) => logs);
  }

  of(traceId: string): ReadSpan[] {
    return this.spans.filter((span) => span.traceId === traceId);
  }

  #read(path: string, headers: IncomingHttpHeaders, sent: Buffer): void {
    try {
      const body = headers["content-encoding"] === "gzip" ? gunzipSync(sent) : sent;
      if (headers["content-type"] !== "application/x-protobuf")
        throw new Error(`a request of ${headers["content-type"]}`);
      const spans = path.endsWith("/v1/traces") ? readSpans(body) : [];
      const points = path.endsWith("/v1/metrics") ? readMetrics(body) : [];
      const logs = path.endsWith("/v1/logs") ? readLogs(body) : [];
      this.received.push({ path, headers, spans, points, logs, body });
    } catch (error) {
      this.faults.push((error as Error).message);
    }
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }
}

/**
 * One line a span, indented below its parent; for people, and to compare.
 * @param by of children: when they began, or their names where that is chance
 */
export function treeOf(
  spans: readonly ReadSpan[],
  line: (span: ReadSpan) => string,
  by: "start" | "name" = "start",
): string[] {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const sorted = [...spans].sort((a, b) => (a[by] < b[by] ? -1 : a[by] > b[by] ? 1 : 0));
  const below = (parentId: string | undefined, depth: number): string[] =>
    sorted
      .filter((span) => (parentId === undefined ? !ids.has(span.parentId) : span.parentId === parentId))
      .flatMap((span) => ["  ".repeat(depth) + line(span), ...below(span.spanId, depth + 1)]);
  return below(undefined, 0);
}
