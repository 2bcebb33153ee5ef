/** HAProxy with one thread: a plain hop, and a pair with mTLS and HTTP/2 between. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { freePort } from "../../../cli/local/ports.ts";
import type { Bed, Proxies } from "./peers.ts";
import { findProgram } from "./programs.ts";

export async function haproxyHop(bed: Bed, app: number): Promise<Proxies | undefined> {
  const port = await freePort();
  const pid = await start(bed, "haproxy-hop", port, "", `127.0.0.1:${app}`);
  return pid === undefined ? undefined : { name: "haproxy", port, pids: [pid] };
}

export async function haproxyPair(bed: Bed, app: number): Promise<Proxies | undefined> {
  const [outer, inner] = [await freePort(), await freePort()];
  const { both, root, name } = bed.identity;
  const tls = `ssl crt ${both} ca-file ${root} verify required alpn h2 ssl-min-ver TLSv1.3`;
  const second = await start(bed, "haproxy-inner", inner, tls, `127.0.0.1:${app}`);
  const first = await start(bed, "haproxy-outer", outer, "", `127.0.0.1:${inner} ${tls} verifyhost ${name}`);
  return first === undefined || second === undefined
    ? undefined
    : { name: "haproxy", port: outer, pids: [first, second] };
}

async function start(bed: Bed, name: string, port: number, bind: string, server: string): Promise<number | undefined> {
  const program = findProgram("haproxy", "HAPROXY");
  if (program === undefined) return undefined;
  const file = path.join(bed.folder, `${name}.cfg`);
  writeFileSync(
    file,
    `global
  nbthread 1
defaults
  mode http
  http-reuse always
  timeout client 60s
  timeout server 60s
  timeout connect 5s
frontend front
  bind 127.0.0.1:${port} ${bind}
  default_backend back
backend back
  server next ${server}
`,
  );
  return bed.programs.start("proxies", program, ["-db", "-f", file], port);
}
