/** Of a caller `web` and the application `orders`. Nothing is switched off: what stands here is what a service must say. */
export const DOCUMENT = `selvage: 1
name: bench
gateway:
  hosts: ["127.0.0.1"]
  routes: [{ name: orders, match: { path: /* }, to: orders }]
mesh:
  trustDomain: bench.internal
  services:
    orders: { port: 9000, access: [{ from: web }, { from: gateway }] }
    web: { port: 9000, access: [{ from: gateway }] }
`;
