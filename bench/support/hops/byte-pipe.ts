/** The floor of node:net: bytes are passed on, nothing is read in them; one connection onward for each. */
import { connect, createServer } from "node:net";

createServer({ noDelay: true }, (client) => {
  const upstream = connect({ port: Number(process.env.UPSTREAM), host: "127.0.0.1", noDelay: true });
  client.on("data", (chunk) => upstream.write(chunk));
  upstream.on("data", (chunk) => client.write(chunk));
  client.on("error", () => upstream.destroy());
  upstream.on("error", () => client.destroy());
  client.on("close", () => upstream.destroy());
}).listen(Number(process.env.PORT), "127.0.0.1");
