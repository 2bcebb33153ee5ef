import { createEchoServer } from "./echo-server.ts";
import { probeSuite } from "./probe-suite.ts";

probeSuite("a listener of an agent", async () => {
  const server = await createEchoServer({ limits: { lingerMs: 1_000 } });
  return { port: server.port, close: () => server.close(0) };
});
