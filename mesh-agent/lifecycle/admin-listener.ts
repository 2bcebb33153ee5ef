import type { Server } from "node:http";
import { type AdminView, openAdmin } from "../admin/admin-server.ts";
import { listenError } from "./ports.ts";

/** The listener for operators, from when the agent has something to tell until its end. */
export class AdminListener {
  #server: Server | undefined;

  /**
   * @returns its port
   * @throws with a sentence for people when it cannot listen
   */
  async open(at: { host: string; port: number }, view: AdminView): Promise<number> {
    try {
      this.#server = await openAdmin(at, view);
    } catch (error) {
      throw listenError(error, "admin", at);
    }
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : at.port;
  }

  close(): void {
    this.#server?.close();
    this.#server?.closeAllConnections();
  }
}
