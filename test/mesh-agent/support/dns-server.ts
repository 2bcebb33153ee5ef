/** A DNS server on loopback that answers as tests tell it (RFC 1035, RFC 2782, RFC 3596). */
import { createSocket, type Socket } from "node:dgram";
import { type AddressInfo, isIPv6 } from "node:net";

export interface Record4 {
  readonly type: "A" | "AAAA";
  readonly address: string;
  readonly ttl?: number;
}

export interface RecordSrv {
  readonly type: "SRV";
  readonly target: string;
  readonly port: number;
  readonly priority?: number;
  readonly weight?: number;
  readonly ttl?: number;
}

const NUMBERS = { A: 1, AAAA: 28, SRV: 33 } as const;
const NXDOMAIN = 3;

export class TestDns {
  /** By name in lower case. */
  readonly records = new Map<string, readonly (Record4 | RecordSrv)[]>();
  /** Instead of an answer: 2 is SERVFAIL; `silent`: none. */
  failing: number | "silent" | undefined;
  /** `type name` of every question. */
  readonly asked: string[] = [];
  readonly #socket: Socket;
  readonly port: number;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.port = (socket.address() as AddressInfo).port;
    socket.on("message", (question, from) => {
      const answer = this.#answer(question);
      if (answer !== undefined) socket.send(answer, from.port, from.address);
    });
  }

  static async start(): Promise<TestDns> {
    const socket = createSocket("udp4");
    await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
    return new TestDns(socket);
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  close(): void {
    this.#socket.close();
  }

  #answer(question: Buffer): Buffer | undefined {
    const labels: string[] = [];
    let at = 12;
    for (let length = question[at] ?? 0; length > 0; length = question[at] ?? 0) {
      labels.push(question.toString("latin1", at + 1, at + 1 + length));
      at += 1 + length;
    }
    const name = labels.join(".").toLowerCase();
    const type = question.readUInt16BE(at + 1);
    const end = at + 5;
    this.asked.push(`${Object.entries(NUMBERS).find(([, number]) => number === type)?.[0] ?? type} ${name}`);
    if (this.failing === "silent") return undefined;
    const known = this.failing === undefined ? this.records.get(name) : undefined;
    const found = (known ?? []).filter((record) => NUMBERS[record.type] === type);
    const header = Buffer.alloc(12);
    question.copy(header, 0, 0, 2);
    header.writeUInt16BE(0x8580 | (this.failing ?? (known === undefined ? NXDOMAIN : 0)), 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(found.length, 6);
    return Buffer.concat([header, question.subarray(12, end), ...found.map(recordBytes)]);
  }
}

function recordBytes(record: Record4 | RecordSrv): Buffer {
  const data = record.type === "SRV" ? srvData(record) : addressData(record);
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc00c, 0);
  head.writeUInt16BE(NUMBERS[record.type], 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(record.ttl ?? 60, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

function addressData({ address }: Record4): Buffer {
  if (!isIPv6(address)) return Buffer.from(address.split(".").map(Number));
  const [head = "", tail = ""] = address.split("::");
  const groups = (text: string): number[] =>
    text === "" ? [] : text.split(":").map((one) => Number.parseInt(one, 16));
  const [before, after] = [groups(head), groups(tail)];
  const all = [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}

function srvData({ target, port, priority = 0, weight = 0 }: RecordSrv): Buffer {
  const numbers = Buffer.alloc(6);
  numbers.writeUInt16BE(priority, 0);
  numbers.writeUInt16BE(weight, 2);
  numbers.writeUInt16BE(port, 4);
  const labels = target === "." ? [] : target.split(".");
  const name = labels.flatMap((label) => [Buffer.from([label.length]), Buffer.from(label, "latin1")]);
  return Buffer.concat([numbers, ...name, Buffer.alloc(1)]);
}
