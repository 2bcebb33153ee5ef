/** Load over TLS, HTTP/1.1 or HTTP/2, by h2load of Debian's nghttp2-client. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { promisify } from "node:util";

export const H2LOAD = "/usr/bin/h2load";

export interface TlsLoad {
  readonly url: string;
  readonly connections: number;
  /** Requests of a connection at a time; HTTP/2 where there is more than one. */
  readonly streams: number;
  readonly requests: number;
}

export const hasH2load = (): boolean => existsSync(H2LOAD);

/** @throws Error when a request fails */
export async function runTlsLoad({ url, connections, streams, requests }: TlsLoad): Promise<void> {
  const counts = ["-n", String(requests), "-c", String(connections), "-m", String(streams)];
  const { stdout } = await promisify(execFile)(H2LOAD, [...counts, ...(streams > 1 ? [] : ["--h1"]), url]);
  if (!stdout.includes(`${requests} succeeded`) || !stdout.includes(`${requests} 2xx`))
    throw new Error(`${url}: ${/^(?:requests|status codes): .*$/gm.exec(stdout)?.join("; ")}`);
}
