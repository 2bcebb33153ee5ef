/** The one route that several benchmarks send through a gateway, and when it is served. */

export const FORWARD_PATH = "/forward/42";

/** @param blocks of the top level, each ended by a line break, beside the route */
export function forwardDocument(upstreamPort: number, blocks = ""): string {
  return `selvage: 1
name: bench
${blocks}gateway:
  hosts: ["127.0.0.1"]
  routes:
    - { name: forward, match: { path: /forward/* }, to: "http://127.0.0.1:${upstreamPort}" }
mesh:
  trustDomain: bench.internal
  services: { upstream: { port: 8080, access: [{ from: gateway }] } }
`;
}

/** @throws when it is not in 10 s */
export async function untilServed(port: number): Promise<void> {
  for (const end = Date.now() + 10_000; ; ) {
    const response = await fetch(`http://127.0.0.1:${port}${FORWARD_PATH}`);
    const text = await response.text();
    if (response.ok) return;
    if (Date.now() > end) throw new Error(`${FORWARD_PATH} answers ${response.status}: ${text}`);
  }
}
