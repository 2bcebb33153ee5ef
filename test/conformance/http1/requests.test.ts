import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Http1Server } from "../../../mesh-agent/proxy/http1/server-engine.ts";
import { createEchoServer } from "./echo-server.ts";
import { speak } from "./raw-client.ts";
import { statusesOf } from "./readings.ts";
import { requestTable } from "./request-table.ts";

let server: Http1Server;
beforeAll(async () => {
  server = await createEchoServer();
});
afterAll(() => server.close(0));

function firstBody(text: string): unknown {
  const at = text.indexOf("\r\n\r\n") + 4;
  const length = Number(/content-length: (\d+)/.exec(text)?.[1]);
  return JSON.parse(Buffer.from(text.slice(at, at + length), "latin1").toString());
}

describe.concurrent("requests", () => {
  test("there are many", () => expect(requestTable.length).toBeGreaterThan(300));

  test.for(requestTable)("$clause: $title", async ({ raw, statuses, closes, understood }) => {
    const result = await speak(server.port, raw);
    expect(statusesOf(result.text)).toEqual(statuses);
    expect(result.closed).toBe(closes);
    if (understood !== undefined) expect(firstBody(result.text)).toMatchObject(understood);
    const [first] = statuses;
    if (first !== undefined && first >= 400) {
      expect(result.text).toContain("content-type: application/problem+json");
      expect(firstBody(result.text)).toMatchObject({ status: first, type: "about:blank" });
    }
  });
});

interface LlhttpCase {
  readonly file: string;
  readonly title: string;
  readonly raw: string;
  readonly error: string | null;
}

const path = fileURLToPath(new URL("../../../../shared/vectors/http1/llhttp-requests.json", import.meta.url));
const vectors: LlhttpCase[] = existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : [];

describe.skipIf(vectors.length === 0).concurrent("llhttp's own cases (skipped without ../shared/vectors)", () => {
  test.for(vectors.filter((vector) => vector.error !== null))(
    "$file: $title is not answered with success",
    async ({ raw }) => {
      const { text, closed } = await speak(server.port, raw);
      const last = statusesOf(text).at(-1);
      // Refused, or waiting for what is missing; a success may only stand before a refusal.
      if (last !== undefined && last < 300) expect({ closed, raw }).toEqual({ closed: true, raw });
    },
  );
});
