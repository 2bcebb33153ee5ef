/** One real request, as it is written: no redirect is followed, no field is added that is not needed. */
import { request as plain } from "node:http";
import { request as overTls } from "node:https";
import { dev } from "../../shared/limits/dev.ts";
import type { LiveAnswer } from "./judge.ts";

interface Sent {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** @throws Error when there is no answer in time, or one beyond its bound */
export function sendRequest(url: string, { method, headers, body }: Sent): Promise<LiveAnswer> {
  return new Promise((resolve, reject) => {
    const send = url.startsWith("https:") ? overTls : plain;
    const signal = AbortSignal.timeout(dev.liveRequestMs);
    const sent = send(url, { method, headers, signal, agent: false }, (answer) => {
      const chunks: Buffer[] = [];
      let size = 0;
      answer.on("data", (chunk: Buffer) => {
        size += chunk.length;
        if (size > dev.liveBodyBytesMax) sent.destroy(new Error(`an answer beyond ${dev.liveBodyBytesMax} bytes`));
        chunks.push(chunk);
      });
      answer.on("error", reject);
      answer.on("end", () => {
        const fields = Object.entries(answer.headers).map(([name, value]) => [name, [value].flat().join(", ")]);
        const text = Buffer.concat(chunks).toString("utf8");
        resolve({ status: answer.statusCode ?? 0, headers: Object.fromEntries(fields), body: text });
      });
    });
    sent.on("error", (fault) => reject(signal.aborted ? new Error(`no answer in ${dev.liveRequestMs} ms`) : fault));
    sent.end(body);
  });
}
