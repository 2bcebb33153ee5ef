/** Connections for an application that speaks no HTTP; what a connection is for is declared, on both sides of it. */
import { SelvageError } from "../../shared/errors.ts";
import { FieldList } from "../../shared/http/field-list.ts";
import { limits } from "../../shared/limits.ts";
import type { Stage } from "../proxy/call.ts";
import { connect } from "../proxy/connect.ts";
import { SocketStream } from "../proxy/socket-stream.ts";
import { openTunnel } from "../proxy/tunnel.ts";
import type { InboundCall } from "./inbound-call.ts";

export interface AppAddress {
  readonly host: string;
  readonly port: number;
}

/** @param app where the application listens; throws while it does not */
export function forwardTcp(app: () => AppAddress): Stage<InboundCall> {
  return (call, next) => {
    const isTcp = call.plan.plan.inbound?.protocol === "tcp";
    if (isTcp !== (call.exchange.head.method === "CONNECT"))
      throw new SelvageError("not_implemented", `this service speaks ${isTcp ? "TCP alone" : "HTTP alone"}`);
    if (isTcp) open(call, app());
    else next();
  };
}

function open(call: InboundCall, app: AppAddress): void {
  const leftMs = call.deadlineMs - performance.now();
  const connectTimeoutMs = Math.max(1, Math.min(leftMs, limits.agent.connectTimeoutMs));
  const connecting = connect({ ...app, connectTimeoutMs }, [], {
    connected: (socket) => {
      const stream = new SocketStream(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        if (!stream.isOver) call.fail(new SelvageError("app_reset", "the application broke the connection off"));
      });
      const idleMs = call.plan.plan.inbound?.streamIdleMs ?? limits.agent.tunnelIdleMs;
      const far = { reader: stream, writer: stream, abort: () => stream.abort() };
      openTunnel(call, { status: 200, fields: new FieldList(), bodyLength: "stream" }, far, idleMs);
    },
    failed: ({ reason }) => call.fail(new SelvageError("app_unreachable", `the application: ${reason}`)),
  });
  call.onFinish(() => {
    if (call.status === 0) connecting.cancel();
  });
}
