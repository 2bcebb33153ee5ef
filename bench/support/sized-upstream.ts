/** The upstream of caches: `/.../1024` gets that many bytes, which may be kept for an hour, at the least cost that Node allows. */
import { type AddressInfo, createServer } from "node:net";

const answers = new Map<string, Buffer>();

function answerTo(head: string): Buffer {
  const bytes = /^GET [^ ?]*\/(\d{1,8})[ ?]/.exec(head)?.[1] ?? "93";
  const known = answers.get(bytes);
  if (known !== undefined) return known;
  const fields = `content-type: application/octet-stream\r\ncache-control: max-age=3600\r\netag: "${bytes}"\r\ncontent-length: ${bytes}`;
  const answer = Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\n${fields}\r\n\r\n`), Buffer.alloc(Number(bytes), "x")]);
  answers.set(bytes, answer);
  return answer;
}

const server = createServer({ noDelay: true }, (socket) => {
  let tail = "";
  socket.setEncoding("latin1");
  socket.on("data", (chunk: string) => {
    const heads = (tail + chunk).split("\r\n\r\n");
    tail = heads.pop() ?? "";
    for (const head of heads) socket.write(answerTo(head));
  });
  socket.on("error", () => socket.destroy());
});
server.listen(Number(process.env.PORT ?? 0), "127.0.0.1", () => {
  process.stderr.write(`upstream listens on 127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
