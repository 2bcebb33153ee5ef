/** Connections to the application on loopback, in the protocol that the document declares for it. */
import { SelvageError } from "../../shared/errors.ts";
import { limits } from "../../shared/limits.ts";
import type { ServiceProtocol } from "../../shared/plan/plan.ts";
import type { ClientPool } from "../proxy/engine.ts";
import { createHttp1Pool, type Http1PoolOptions } from "../proxy/http1/client-pool.ts";
import { createHttp2Pool } from "../proxy/http2/client-pool.ts";

const TO_APP = {
  headerTableBytes: limits.http2.meshHeaderTableBytes,
  // Servers of gRPC take more than a PING in minutes for an attack, and on loopback the end of a process is seen at once.
  pingAfterMs: Number.POSITIVE_INFINITY,
};

export class AppConnections {
  readonly #address: { readonly host: string; readonly port: number };
  readonly #onKeepAlive: Http1PoolOptions["onKeepAlive"];
  #pool: ClientPool | undefined;
  #speaksHttp2 = false;

  /**
   * @param host a loopback address
   * @param onKeepAlive over HTTP/1.1: what is learned of how long the application keeps idle connections
   */
  constructor(host: string, port: number, onKeepAlive: Http1PoolOptions["onKeepAlive"]) {
    this.#address = { host, port };
    this.#onKeepAlive = onKeepAlive;
  }

  /** Made when first needed, and anew when the document says otherwise: exchanges of before end as they began. */
  pool(protocol: ServiceProtocol): ClientPool {
    const speaksHttp2 = protocol === "http2" || protocol === "grpc";
    if (this.#pool !== undefined && speaksHttp2 === this.#speaksHttp2) return this.#pool;
    this.#pool?.close();
    this.#speaksHttp2 = speaksHttp2;
    this.#pool = speaksHttp2
      ? createHttp2Pool({ ...this.#address, ...TO_APP })
      : createHttp1Pool({ ...this.#address, idleMs: limits.agent.appIdleMs, onKeepAlive: this.#onKeepAlive });
    return this.#pool;
  }

  close(): void {
    this.#pool?.close();
  }
}

/** @throws SelvageError app_unreachable, always */
export function notListening(): never {
  throw new SelvageError("app_unreachable", "the application does not listen yet");
}
