/** The service: it knows nothing of Selvage but the port that it is given, and says what it was told. */
import { createServer } from "node:http";

createServer((request, response) => {
  const { "x-user": user, "x-forwarded-for": client } = request.headers;
  response.setHeader("content-type", "application/json");
  response.end(`${JSON.stringify({ path: request.url, user, client })}\n`);
}).listen(Number(process.env.PORT ?? 8080), "127.0.0.1");
