/** An application of TCP that does what the first line asks for. */
import { createServer, type Socket } from "node:net";

const server = createServer({ allowHalfOpen: true }, (socket) => {
  socket.on("error", () => {});
  // Speaks first, as mail servers and some databases do.
  socket.write(`${process.env.APP_NAME}\n`);
  socket.once("data", (first) => {
    const text = String(first);
    const end = text.indexOf("\n");
    const rest = first.subarray(Buffer.byteLength(text.slice(0, end + 1)));
    act(socket, text.slice(0, end).split(" "), rest);
  });
});

function act(socket: Socket, [what, value]: string[], rest: Buffer): void {
  if (what === "echo") {
    if (rest.length > 0) socket.write(rest);
    socket.pipe(socket);
  } else if (what === "count") {
    let bytes = rest.length;
    socket.on("data", (chunk) => {
      bytes += chunk.length;
    });
    // The answer comes when the other side has said all.
    socket.on("end", () => socket.end(String(bytes)));
  } else if (what === "flood") flood(socket, Number(value));
  else if (what === "reset") socket.resetAndDestroy();
  else if (what === "end") {
    socket.end("done");
    let more = "";
    socket.on("data", (chunk) => {
      more += chunk;
    });
    socket.on("end", () => process.stderr.write(`heard ${more}\n`));
  } else if (what === "watch") socket.on("close", (hadError) => process.stderr.write(`closed ${value} ${hadError}\n`));
  socket.resume();
}

function flood(socket: Socket, bytes: number): void {
  const chunk = Buffer.alloc(64 * 1024, "x");
  let left = bytes;
  const next = (): void => {
    while (left > 0) {
      left -= chunk.length;
      if (!socket.write(left < 0 ? chunk.subarray(0, chunk.length + left) : chunk)) {
        socket.once("drain", next);
        return;
      }
    }
    socket.end();
  };
  next();
}

server.listen(Number(process.env.PORT), "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
