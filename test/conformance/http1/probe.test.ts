/** Http11Probe's requests, judged by the verdicts that its authors gave. */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Http1Server } from "../../../mesh-agent/proxy/http1/server-engine.ts";
import { createEchoServer } from "./echo-server.ts";
import { speak } from "./raw-client.ts";

interface ProbeCase {
  readonly id: string;
  readonly category: string;
  readonly scored: boolean;
  readonly expected: string;
  readonly rawRequest: string;
  readonly verdicts: Readonly<Record<string, string>>;
}

const path = fileURLToPath(new URL("../../../../shared/vectors/http1/requests.json", import.meta.url));
const present = existsSync(path);
const cases: ProbeCase[] = present ? JSON.parse(readFileSync(path, "utf8")).tests : [];

/** A pair that no probed server has shown is judged by the words of the expectation. */
function verdictOf(probe: ProbeCase, status: number | undefined, closed: boolean): string {
  const state = closed ? "ClosedByServer" : status === undefined ? "TimedOut" : "Open";
  const known = probe.verdicts[`${status ?? "-"}|${state}`];
  if (known !== undefined) return known;
  const { expected } = probe;
  if (status === undefined) return /close|timeout/.test(expected) ? "Pass" : "Fail";
  if (expected.includes(String(status)) || (expected.includes("2xx") && status < 300)) return "Pass";
  return expected === "!101" ? "Pass" : "Fail";
}

describe.skipIf(!present)("Http11Probe (skipped without ../shared/vectors)", () => {
  let server: Http1Server;
  const verdicts = new Map<string, string>();

  beforeAll(async () => {
    server = await createEchoServer({ limits: { lingerMs: 1_000 } });
    await Promise.all(
      cases.map(async (probe) => {
        const { status, closed } = await speak(server.port, probe.rawRequest, 300);
        verdicts.set(probe.id, `${verdictOf(probe, status, closed)} ${status ?? "-"} ${closed ? "closed" : "open"}`);
      }),
    );
  });
  afterAll(() => server.close(0));

  const failing = (scoredOnly: boolean, category?: string): string[] =>
    cases
      .filter((probe) => (!scoredOnly || probe.scored) && (category === undefined || probe.category === category))
      .map((probe) => `${probe.id}: ${verdicts.get(probe.id)} (expected ${probe.expected})`)
      .filter((line) => !line.includes(": Pass"));

  test("no request of the smuggling group is let through", () => {
    expect(failing(false, "Smuggling").filter((line) => line.includes(": Fail"))).toEqual([]);
  });

  test("nearly all scored requests pass outright", () => {
    const notPassed = failing(true);
    if (process.env.SELVAGE_VERBOSE !== undefined) console.log(notPassed.join("\n"));
    expect(cases.filter((probe) => probe.scored).length - notPassed.length).toBeGreaterThanOrEqual(118);
  });
});
