/** A front in this process, before whatever stands for the gateway. */
import { randomBytes } from "node:crypto";
import type { Certificates } from "../../mesh-agent/front/certificates.ts";
import { Front, type FrontOptions, type Refusal } from "../../mesh-agent/front/front.ts";
import type { BrokenAnswer } from "../../mesh-agent/front/pass-on.ts";
import type { WebSocketEnd } from "../../mesh-agent/front/web-sockets.ts";

export interface TestFront {
  readonly front: Front;
  readonly port: number;
  readonly key: string;
  readonly refused: Refusal[];
  /** WebSockets that are over. */
  readonly ended: WebSocketEnd[];
  readonly broken: BrokenAnswer[];
}

/** @param gateway port of what stands for it */
export async function startFront(
  gateway: number,
  certificates?: Certificates,
  options: Partial<FrontOptions> = {},
): Promise<TestFront> {
  const key = randomBytes(32).toString("hex");
  const refused: Refusal[] = [];
  const ended: WebSocketEnd[] = [];
  const broken: BrokenAnswer[] = [];
  const front = new Front({
    listen: [{ scheme: certificates === undefined ? "http" : "https", host: "127.0.0.1", port: 0 }],
    redirect: [],
    certificates,
    gateway: { host: "127.0.0.1", port: gateway },
    key,
    onRefused: (entry) => refused.push(entry),
    onBroken: (one) => broken.push(one),
    onWebSocketEnd: (end) => ended.push(end),
    ...options,
  });
  await front.open();
  return { front, port: front.ports.listen[0] ?? 0, key, refused, ended, broken };
}
