/** Http11Probe's requests, judged by the verdicts that its authors gave. */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
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

export interface Probed {
  readonly port: number;
  readonly close: () => Promise<void>;
}

/** @param quietMs silence that counts as no answer */
export function probeSuite(name: string, start: () => Promise<Probed>, quietMs = 300): void {
  describe.skipIf(!present)(`Http11Probe: ${name} (skipped without ../shared/vectors)`, () => {
    let probed: Probed;
    const verdicts = new Map<string, string>();

    beforeAll(async () => {
      probed = await start();
      await Promise.all(
        cases.map(async (probe) => {
          const { status, closed } = await speak(probed.port, probe.rawRequest, quietMs);
          verdicts.set(probe.id, `${verdictOf(probe, status, closed)} ${status ?? "-"} ${closed ? "closed" : "open"}`);
        }),
      );
    });
    afterAll(() => probed?.close());

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
}
