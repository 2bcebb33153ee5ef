/** A client of the chat: sends what its arguments say, prints what comes, ends with the code 1000 after three messages. */
import { WebSocket } from "ws";

const socket = new WebSocket(process.env.CHAT_URL ?? "ws://127.0.0.1:8787/chat");
let heard = 0;
socket.on("open", () => {
  for (const word of process.argv.slice(2)) socket.send(word);
});
socket.on("message", (data) => {
  console.log(String(data));
  heard++;
  if (heard === 3) socket.close(1000, "enough");
});
socket.on("unexpected-response", (_request, { statusCode }) => {
  console.error(`refused with ${statusCode}`);
  process.exit(1);
});
socket.on("close", (code, reason) => console.log(`closed: ${code} ${reason}`));
