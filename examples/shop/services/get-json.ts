import { type IncomingMessage, request } from "node:http";

/**
 * GET of a JSON document over kept-alive connections, through the proxy of the environment when there is one.
 * `fetch` would do as well; through a proxy it makes a tunnel for each connection and takes about half as much CPU again.
 * @param timeoutMs how long nothing may come
 * @throws Error when there is no answer of 2xx with JSON
 */
export async function getJson(url: string, headers: Record<string, string>, timeoutMs: number): Promise<unknown> {
  const response = await answerTo(url, headers, timeoutMs);
  let text = "";
  for await (const chunk of response.setEncoding("utf8")) text += chunk;
  const { statusCode = 0 } = response;
  if (statusCode < 200 || statusCode > 299) throw new Error(`${url} answered ${statusCode}`);
  return JSON.parse(text);
}

function answerTo(url: string, headers: Record<string, string>, timeoutMs: number): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { headers, timeout: timeoutMs }, resolve);
    outgoing.on("timeout", () => outgoing.destroy(new Error(`${url} did not answer in ${timeoutMs} ms`)));
    outgoing.on("error", (error: NodeJS.ErrnoException) => {
      // The other side closed a kept-alive connection just when it was used again: nothing was read, GET may be repeated.
      if (outgoing.reusedSocket && error.code === "ECONNRESET") resolve(answerTo(url, headers, timeoutMs));
      else reject(error);
    });
    outgoing.end();
  });
}
