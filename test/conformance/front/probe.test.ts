import { startFront } from "../../support/front.ts";
import { createEchoServer } from "../http1/echo-server.ts";
import { probeSuite } from "../http1/probe-suite.ts";

probeSuite("the front", async () => {
  const gateway = await createEchoServer();
  const { front, port } = await startFront(gateway.port);
  return {
    port,
    close: async () => {
      await front.close(0);
      await gateway.close(0);
    },
  };
});
