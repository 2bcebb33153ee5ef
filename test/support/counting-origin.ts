/** An origin that counts what reaches it, and answers as a test wants. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export type OriginAnswer = (request: IncomingMessage, response: ServerResponse) => void;

export class CountingOrigin {
  readonly #server = createServer((request, response) => {
    this.#requests.push(request);
    this.answer(request, response);
  });
  readonly #requests: IncomingMessage[] = [];
  /** What it does with requests; a test sets it. */
  answer: OriginAnswer = (_, response) => void response.writeHead(404).end();
  #port = 0;

  static async start(): Promise<CountingOrigin> {
    const origin = new CountingOrigin();
    await origin.#listen(0);
    return origin;
  }

  get port(): number {
    return this.#port;
  }

  /** Requests for a path, in the order of their arrival. */
  requests(path: string): IncomingMessage[] {
    return this.#requests.filter(({ url }) => url === path);
  }

  count(path: string): number {
    return this.requests(path).length;
  }

  /** Nobody listens any more until `comeBack`. */
  async goAway(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  comeBack(): Promise<void> {
    return this.#listen(this.#port);
  }

  async stop(): Promise<void> {
    if (this.#server.listening) await this.goAway();
  }

  async #listen(port: number): Promise<void> {
    await new Promise<void>((done) => this.#server.listen(port, "127.0.0.1", done));
    this.#port = (this.#server.address() as AddressInfo).port;
  }
}
