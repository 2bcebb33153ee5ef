/** Calls that send and get JSON. Node's `fetch` would cost 12 MB for them. */
import { request as httpsRequest } from "node:https";
import { limits } from "../../shared/limits.ts";
import { nodeHttp } from "../proxy/node-http.ts";

export interface JsonAnswer {
  readonly status: number;
  readonly text: string;
}

/**
 * One call of the control plane. Redirects are not followed.
 * @throws Error with a reason for people when there is no whole answer in time, or it is too large
 */
export function postJson(url: URL, headers: Readonly<Record<string, string>>, body: unknown): Promise<JsonAnswer> {
  const content = Buffer.from(JSON.stringify(body));
  const stated = { "content-type": "application/json", "content-length": String(content.length) };
  return call("POST", url, { ...headers, ...stated }, limits.control.callTimeoutMs, content);
}

/** The same without a body. */
export function getText(url: URL, headers: Readonly<Record<string, string>>, timeoutMs: number): Promise<JsonAnswer> {
  return call("GET", url, headers, timeoutMs);
}

function call(
  method: string,
  url: URL,
  headers: Readonly<Record<string, string>>,
  timeoutMs: number,
  content?: Buffer,
): Promise<JsonAnswer> {
  return new Promise((resolve, reject) => {
    const send = url.protocol === "https:" ? httpsRequest : nodeHttp.request;
    const options = { method, headers, signal: AbortSignal.timeout(timeoutMs) };
    const request = send(url, options, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on("error", reject);
      response.on("data", (chunk: Buffer) => {
        chunks.push(chunk);
        size += chunk.length;
        if (size > limits.control.credentialsBytesMax) response.destroy(new Error("the answer is too large"));
      });
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") }),
      );
    });
    request.on("error", (error) =>
      reject(error.name === "AbortError" ? new Error("it did not answer in time", { cause: error }) : error),
    );
    request.end(content);
  });
}
