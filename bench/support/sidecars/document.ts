/**
 * Of a caller `web` and applications, each with a pair of agents of its own: calls to one go to nobody else's.
 * Nothing is switched off: what stands here is what a service must say.
 */
export function documentOf(services: readonly string[]): string {
  const lines = services.map((name) => `    ${name}: { port: 9000, access: [{ from: web }, { from: gateway }] }`);
  return `selvage: 1
name: bench
gateway:
  hosts: ["127.0.0.1"]
  routes: [{ name: first, match: { path: /* }, to: ${services[0]} }]
mesh:
  trustDomain: bench.internal
  services:
${lines.join("\n")}
    web: { port: 9000, access: [{ from: gateway }] }
`;
}
