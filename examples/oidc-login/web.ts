/**
 * The web application of this example: pages and a small API, which know nothing of logins. It listens on 127.0.0.1, PORT
 * or 9000, and trusts whoever reaches it: that is the gateway.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Shop</title>
<h1>Shop</h1>
<p id="who">Looking who you are...</p>
<p><a id="login" href="/account/home" hidden>Log in</a></p>
<form id="logout" method="post" action="/.selvage/web/logout" hidden><button>Log out</button></form>
<button id="order" hidden>Order</button>
<pre id="orders"></pre>
<script type="module">
  const at = (id) => document.getElementById(id);
  const session = await (await fetch("/.selvage/web/session")).json();
  at("who").textContent = session.authenticated ? "You are " + session.claims.name : "You are nobody";
  at("login").hidden = session.authenticated;
  at("logout").hidden = at("order").hidden = !session.authenticated;
  at("order").onclick = async () => {
    const answer = await fetch("/api/orders/1", { method: "POST" });
    if (answer.status === 401) location.assign(session.login ?? "/.selvage/web/login?return=" + location.pathname);
    at("orders").textContent = answer.status + " " + (await answer.text());
  };
</script>
</html>
`;

let orders = 0;

function answer(request: IncomingMessage, response: ServerResponse): void {
  const { url = "/", method, headers } = request;
  if (!url.startsWith("/api/")) {
    response.writeHead(200, { "content-type": "text/html; charset=utf-8", "cache-control": "no-store" }).end(page);
    return;
  }
  if (method === "POST") orders++;
  // What arrived of the browser's cookies: none of the gateway's own is among them.
  const body = JSON.stringify({ path: url, method, orders, cookies: headers.cookie ?? "" });
  response.writeHead(200, { "content-type": "application/json" }).end(body);
}

const server = createServer(answer);
server.listen(Number(process.env.PORT ?? 9000), "127.0.0.1", () => {
  console.error(`web listens on 127.0.0.1:${(server.address() as AddressInfo).port}`);
});
process.on("SIGTERM", () => server.close(() => process.exit(0)));
