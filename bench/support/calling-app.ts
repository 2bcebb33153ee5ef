/** An application as many are: serves a request, and calls another for it by the client that the path names. */
import { Agent, createServer, get } from "node:http";

const { PORT, UPSTREAM } = process.env;
const agent = new Agent({ keepAlive: true });
const headers = { host: "upstream.mesh" };

const server = createServer(async (request, response) => {
  if (request.url === "/http")
    get({ host: "127.0.0.1", port: UPSTREAM, path: "/orders/42", headers, agent }, (answer) => answer.pipe(response));
  else if (request.url === "/fetch") response.end(await (await fetch(`http://127.0.0.1:${UPSTREAM}/orders/42`)).text());
  else response.end("served");
});
server.listen(Number(PORT), "127.0.0.1");
