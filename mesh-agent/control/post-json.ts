/** One call of the control plane that sends and gets JSON. Node's `fetch` would cost 12 MB for it. */
import { request as httpsRequest } from "node:https";
import { limits } from "../../shared/limits.ts";
import { nodeHttp } from "../proxy/node-http.ts";

/**
 * Redirects are not followed.
 * @throws Error with a reason for people when there is no whole answer in time, or it is too large
 */
export function postJson(
  url: URL,
  headers: Readonly<Record<string, string>>,
  body: unknown,
): Promise<{ readonly status: number; readonly text: string }> {
  const { callTimeoutMs, credentialsBytesMax } = limits.control;
  const content = Buffer.from(JSON.stringify(body));
  return new Promise((resolve, reject) => {
    const call = url.protocol === "https:" ? httpsRequest : nodeHttp.request;
    const stated = { "content-type": "application/json", "content-length": String(content.length) };
    const options = { method: "POST", headers: { ...headers, ...stated }, signal: AbortSignal.timeout(callTimeoutMs) };
    const request = call(url, options, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on("error", reject);
      response.on("data", (chunk: Buffer) => {
        chunks.push(chunk);
        size += chunk.length;
        if (size > credentialsBytesMax) response.destroy(new Error("the answer is too large"));
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
