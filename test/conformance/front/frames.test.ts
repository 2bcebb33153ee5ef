/** HTTP/2 of the front, over TLS as clients speak it. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tls from "node:tls";
import { afterAll, beforeAll, describe, test } from "vitest";
import { Certificates } from "../../../mesh-agent/front/certificates.ts";
import { createHttp1Server, type Http1Server } from "../../../mesh-agent/proxy/http1/server-engine.ts";
import { FieldList } from "../../../shared/http/field-list.ts";
import { makeAuthority } from "../../support/certificates.ts";
import { startFront, type TestFront } from "../../support/front.ts";
import { Http2Peer } from "../../support/http2-peer.ts";
import { frameCases } from "../http2/frame-cases.ts";
import { playFrameCase } from "../http2/play-frame-case.ts";

const folder = mkdtempSync(join(tmpdir(), "selvage-front-frames-"));
let gateway: Http1Server;
let served: TestFront;
let ca = "";

beforeAll(async () => {
  gateway = await createHttp1Server({ listen: { host: "127.0.0.1", port: 0 } });
  gateway.onExchange((exchange) => {
    exchange.onFail(() => {});
    if (exchange.head.target === "/slow") return;
    exchange.body.onChunk(() => {});
    exchange.body.onEnd(() => exchange.respond({ status: 200, fields: new FieldList(), bodyLength: 0 }).end());
  });
  const authority = await makeAuthority("front.example");
  ca = authority.rootPem;
  const { certPem, keyPem } = await authority.issue("front", { dnsNames: ["localhost"] });
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  writeFileSync(cert, certPem);
  writeFileSync(key, keyPem);
  served = await startFront(gateway.port, new Certificates({ pairs: [{ cert, key }] }));
});
afterAll(async () => {
  await served.front.close(0);
  await gateway.close(0);
  rmSync(folder, { recursive: true, force: true });
});

async function connect(): Promise<Http2Peer> {
  const socket = tls.connect({
    port: served.port,
    host: "127.0.0.1",
    servername: "localhost",
    ca,
    ALPNProtocols: ["h2"],
  });
  await new Promise((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
  return Http2Peer.greet(socket);
}

describe.concurrent("the front", () => {
  test.for(frameCases)("$clause: $title", async (one) => playFrameCase(await connect(), one));
});
