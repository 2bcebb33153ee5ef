import { type AddressInfo, createServer } from "node:net";

export interface AdmissionLog {
  readonly port: number;
  /** When requests came, in milliseconds of this process. */
  readonly times: number[];
  close(): void;
}

/** An upstream that answers everything with 200 and remembers when it came. */
export async function startAdmissionLog(): Promise<AdmissionLog> {
  const times: number[] = [];
  const answer = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok";
  const server = createServer({ noDelay: true }, (socket) => {
    let tail = "";
    socket.setEncoding("latin1");
    socket.on("data", (chunk: string) => {
      const heads = (tail + chunk).split("\r\n\r\n");
      tail = heads.pop() ?? "";
      for (const _ of heads) times.push(performance.now());
      if (heads.length > 0) socket.write(answer.repeat(heads.length));
    });
    socket.on("error", () => socket.destroy());
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return { port: (server.address() as AddressInfo).port, times, close: () => server.close() };
}
