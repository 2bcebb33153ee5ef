/**
 * Nothing that two parsers could frame differently is forwarded: what our engine lets pass, llhttp and nginx read with the same
 * boundaries, or refuse. And docs/http1-conformance.md says what our engine does.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { root } from "../../support/system.ts";
import type { Understood } from "./echo-server.ts";
import { measureRequests, measureResponses } from "./measure.ts";
import { type RequestReading, type ResponseReading, type Row, requestRow, responseRow } from "./readings.ts";
import type { RequestCase } from "./request-cases.ts";
import type { ResponseCase } from "./response-cases.ts";

let requests: Row<RequestCase, RequestReading>[];
let responses: Row<ResponseCase, ResponseReading>[];
beforeAll(async () => {
  [requests, responses] = await Promise.all([measureRequests(), measureResponses()]);
});

/** What two parsers must agree on. Trailers are dropped by many, nginx among them. */
const boundaries = ({ understood }: RequestReading): unknown[] =>
  understood.map(({ method, target, body }: Understood) => ({ method, target, body }));

/** As far as both have read on. */
function differ(mine: RequestReading, theirs: RequestReading): boolean {
  const [own, other] = [boundaries(mine), boundaries(theirs)];
  const both = Math.min(own.length, other.length);
  return JSON.stringify(own.slice(0, both)) !== JSON.stringify(other.slice(0, both));
}

function framedOtherwise(mine: ResponseReading, theirs: ResponseReading): boolean {
  return mine.verdict === "accepted" && theirs.verdict !== "refused" && mine.body !== theirs.body;
}

describe("of the rows", () => {
  test("there are more than three hundred", () => {
    expect(requests.length).toBeGreaterThan(300);
    expect(responses.length).toBeGreaterThan(100);
  });

  test("each request that we let pass is read by llhttp and by nginx as by us, or refused", () => {
    const odd = requests.filter(
      ({ ours, llhttp, nginx }) => differ(ours, llhttp) || (nginx !== undefined && differ(ours, nginx)),
    );
    expect(odd.map(({ row }) => `${row.clause}: ${row.title}`)).toEqual([]);
  });

  test("each answer that we pass on is read by llhttp and by nginx as by us, or refused", () => {
    const odd = responses.filter(
      ({ ours, llhttp, nginx }) =>
        framedOtherwise(ours, llhttp) || (nginx !== undefined && framedOtherwise(ours, nginx)),
    );
    expect(odd.map(({ row }) => `${row.clause}: ${row.title} (${row.method})`)).toEqual([]);
  });
});

describe("docs/http1-conformance.md", () => {
  const text = readFileSync(join(root, "docs/http1-conformance.md"), "utf8");
  const ownColumns = (line: string): string => line.split(" | ").slice(0, 3).join(" | ");
  const known = new Set(text.split("\n").map(ownColumns));

  test("has each row, with what our engine does", () => {
    const lines = [...requests.map(requestRow), ...responses.map(responseRow)];
    expect(lines.map(ownColumns).filter((line) => !known.has(line))).toEqual([]);
  });
});
