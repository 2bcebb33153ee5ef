/** A page of another origin that calls by gRPC-Web with what browsers have: fetch and streams, no library. */
import { createServer, type Server } from "node:http";

/** What the page comes to; failed: the browser would not let it. */
export interface PageAnswer {
  readonly failed?: string;
  readonly status: number;
  /** Fields that the page may read. */
  readonly fields: Readonly<Record<string, string>>;
  readonly messages: readonly string[];
  readonly trailers: Readonly<Record<string, string>>;
}

/** For the page's function `call`. */
export interface PageCall {
  readonly url: string;
  readonly text: boolean;
  readonly message: string;
  readonly fields?: Readonly<Record<string, string>>;
}

const SCRIPT = String.raw`
const framed = (message) => {
  const content = new TextEncoder().encode(message);
  const frame = new Uint8Array(5 + content.length);
  new DataView(frame.buffer).setUint32(1, content.length);
  frame.set(content, 5);
  return frame;
};
const decoded = (text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
const joined = (one, other) => {
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
};

// Messages that have come, for whoever watches while the call goes on.
var seen = [];

async function call({ url, text, message, fields = {} }) {
  seen = [];
  const type = text ? "application/grpc-web-text+proto" : "application/grpc-web+proto";
  const body = text ? btoa(String.fromCharCode(...framed(message))) : framed(message);
  const headers = { "content-type": type, accept: type, "x-grpc-web": "1", ...fields };
  const response = await fetch(url, { method: "POST", headers, body });
  const reader = response.body.getReader();
  let [bytes, rest, trailers] = [new Uint8Array(), "", {}];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (text) {
      rest += new TextDecoder().decode(value);
      const whole = rest.length - (rest.length % 4);
      for (const piece of rest.slice(0, whole).match(/[^=]+={0,2}/g) ?? []) bytes = joined(bytes, decoded(piece));
      rest = rest.slice(whole);
    } else bytes = joined(bytes, value);
    while (bytes.length >= 5) {
      const end = 5 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(1);
      if (bytes.length < end) break;
      const content = new TextDecoder().decode(bytes.subarray(5, end));
      if (bytes[0] === 0x80) trailers = Object.fromEntries(content.trim().split("\r\n").map((line) => line.split(/: ?(.*)/s)));
      else seen.push(content);
      bytes = bytes.slice(end);
    }
  }
  return { status: response.status, fields: Object.fromEntries(response.headers), messages: seen, trailers };
}
`;

/** Serves the page at every path. @param port at 127.0.0.1 */
export async function servePage(port: number): Promise<Server> {
  const server = createServer((_request, response) => {
    response
      .writeHead(200, { "content-type": "text/html" })
      .end(`<!doctype html><title>calls</title><script>${SCRIPT}</script>`);
  });
  await new Promise<void>((done) => server.listen(port, "127.0.0.1", done));
  return server;
}

/** To be evaluated in the page. */
export const callInPage = (call: PageCall): string =>
  `call(${JSON.stringify(call)}).catch((cause) => ({ failed: String(cause) }))`;
