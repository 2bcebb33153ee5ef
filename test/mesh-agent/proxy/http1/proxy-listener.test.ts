import { afterEach, describe, expect, test } from "vitest";
import {
  createHttp1Server,
  type Http1Server,
  type Http1ServerOptions,
} from "../../../../mesh-agent/proxy/http1/server-engine.ts";
import { speak } from "../../../conformance/http1/raw-client.ts";
import { answerWith } from "../../../support/http1-exchange.ts";

const servers: Http1Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close(0);
});

async function start(options: Partial<Http1ServerOptions> = {}): Promise<Http1Server> {
  const server = await createHttp1Server({ listen: { host: "127.0.0.1", port: 0 }, ...options });
  servers.push(server);
  return server;
}

describe("a proxy listener", () => {
  test("takes targets in absolute form", async () => {
    const server = await start({ proxy: true });
    answerWith(server, (target) => target);
    const { text } = await speak(server.port, "GET http://orders.mesh/a?b HTTP/1.1\r\nHost: orders.mesh\r\n\r\n");
    expect(text).toContain("\r\n\r\nhttp://orders.mesh/a?b");
  });

  test("is the other end of the tunnels that are asked for", async () => {
    const server = await start({ proxy: true });
    answerWith(server, (target) => target);
    const connect = "CONNECT orders.mesh:80 HTTP/1.1\r\nHost: orders.mesh:80\r\n\r\n";
    const { text } = await speak(server.port, [connect, "GET /a HTTP/1.1\r\nHost: orders.mesh\r\n\r\n"]);
    expect(text).toBe("HTTP/1.1 200 Connection Established\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n/a");
  });

  test.each([
    ["a tunnel in a tunnel", "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\nCONNECT b:80 HTTP/1.1\r\nHost: b\r\n\r\n"],
    ["absolute form in a tunnel", "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\nGET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n"],
    ["TLS in a tunnel", "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n\x16\x03\x01\x00\x10"],
    ["a tunnel without a port", "CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n"],
    ["a tunnel with a body", "CONNECT a:80 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"],
    ["https in absolute form", "GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n"],
    ["user information in absolute form", "GET http://u:p@a/ HTTP/1.1\r\nHost: a\r\n\r\n"],
  ])("refuses %s", async (_title, raw) => {
    const server = await start({ proxy: true });
    answerWith(server, (target) => target);
    const { text, closed } = await speak(server.port, raw);
    expect(text).toMatch(/HTTP\/1\.1 (?:400|501) /);
    expect(closed).toBe(true);
  });
});
