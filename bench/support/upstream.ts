/** The upstream of benchmarks: answers every request head with the same 93 bytes, or with ANSWER, at the least cost that Node allows. */
import { type AddressInfo, createServer } from "node:net";

const order = JSON.stringify({
  id: "42",
  status: "shipped",
  items: [
    { sku: "a-1", count: 2 },
    { sku: "b-7", count: 1 },
  ],
});
const body = process.env.ANSWER ?? order;
const answer = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

const server = createServer({ noDelay: true }, (socket) => {
  let tail = "";
  socket.setEncoding("latin1");
  socket.on("data", (chunk: string) => {
    const heads = (tail + chunk).split("\r\n\r\n");
    tail = heads.pop() ?? "";
    if (heads.length > 0) socket.write(answer.repeat(heads.length));
  });
  socket.on("error", () => socket.destroy());
});
server.listen(Number(process.env.PORT ?? 0), "127.0.0.1", () => {
  process.stderr.write(`upstream listens on 127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
