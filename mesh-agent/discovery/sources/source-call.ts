/** Calls of the APIs of sources: bounded in time and size, no redirect is followed. */
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { limits } from "../../../shared/limits.ts";
import { nodeHttp } from "../../proxy/node-http.ts";

export interface SourceCall {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** PEM roots; absent: those of Node. */
  readonly ca?: string | undefined;
  /** Until the answer's head, and between two pieces of it. */
  readonly silenceMs: number;
  /** Ends the call at any time. */
  readonly signal: AbortSignal;
}

/** An API said no. */
export class SourceRefusal extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.name = "SourceRefusal";
    this.status = status;
  }
}

/**
 * One question.
 * @throws SourceRefusal for another status than 200; Error with a reason for people for everything else
 */
export async function askJson(call: SourceCall): Promise<{ headers: IncomingHttpHeaders; value: unknown }> {
  const response = await open(call);
  const text = await textOf(response, limits.discovery.answerBytesMax);
  return { headers: response.headers, value: parse(text) };
}

/**
 * Values that come line by line, for as long as they do.
 * @param onOpen called when they are about to come
 * @throws as `askJson`; also what `onValue` throws, which ends the call
 */
export async function readLines(
  call: SourceCall,
  onOpen: () => void,
  onValue: (value: unknown) => void,
): Promise<void> {
  const response = await open(call);
  onOpen();
  const { eventBytesMax } = limits.discovery;
  let rest: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    let from = 0;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
      const line = Buffer.concat([...rest, chunk.subarray(from, at)]).toString("utf8");
      from = at + 1;
      rest = [];
      size = 0;
      if (line.trim() !== "") onValue(parse(line));
    }
    rest.push(chunk.subarray(from));
    size += chunk.length - from;
    if (size > eventBytesMax) throw new Error(`one event has more than ${eventBytesMax} bytes`);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error("the answer is no JSON");
  }
}

function open({ url, headers, ca, silenceMs, signal }: SourceCall): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const isTls = url.protocol === "https:";
    const options = { method: "GET", headers, signal, agent: false, ...(isTls && ca !== undefined && { ca }) };
    const request = (isTls ? httpsRequest : nodeHttp.request)(url, options);
    request.setTimeout(silenceMs, () => request.destroy(new Error(`it was silent for ${silenceMs / 1_000} s`)));
    request.on("socket", (socket) => socket.setKeepAlive(true, limits.discovery.callTimeoutMs));
    request.on("error", reject);
    request.on("response", (response) => {
      if (response.statusCode === 200) resolve(response);
      else refuse(response).then(reject, reject);
    });
    request.end();
  });
}

/** The beginning of what an API says about its refusal is worth telling. */
async function refuse(response: IncomingMessage): Promise<SourceRefusal> {
  const status = response.statusCode ?? 0;
  const text = await textOf(response, limits.discovery.refusalBytesMax).catch(() => "");
  const said = text.replace(/\s+/g, " ").trim();
  return new SourceRefusal(status, said === "" ? `it answers ${status}` : `it answers ${status}: ${said}`);
}

async function textOf(response: IncomingMessage, bytesMax: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > bytesMax) throw new Error(`the answer has more than ${bytesMax} bytes`);
  }
  return Buffer.concat(chunks).toString("utf8");
}
