/** The same hop with node:http on both sides. */
import * as http from "node:http";
import { requestFields, responseFields } from "./fields.ts";

const agent = new http.Agent({ keepAlive: true });
const upstream = { host: "127.0.0.1", port: Number(process.env.UPSTREAM), agent };

http
  .createServer((request, response) => {
    const headers = { ...request.headers, ...Object.fromEntries(requestFields) };
    const onward = http.request({ ...upstream, method: request.method, path: request.url, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, { ...answer.headers, ...Object.fromEntries(responseFields) });
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    request.pipe(onward);
  })
  .listen(Number(process.env.PORT), "127.0.0.1");
