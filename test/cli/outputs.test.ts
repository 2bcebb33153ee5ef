/** What commands print, as it is printed: of the shop, and of a control plane that says the same always. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { checkDocument } from "../../shared/config/check-document.ts";
import type { UsageRow } from "../../shared/policy/usage-report.ts";
import type { Status, VersionDetail } from "../../shared/wire/admin.ts";
import type { CaStatus, CertificateStatus } from "../../shared/wire/ca.ts";
import type { ShadowAnswer } from "../../shared/wire/shadow.ts";
import type { UsageAnswer } from "../../shared/wire/usage.ts";
import { writeCliFiles } from "../support/cli-files.ts";
import { CANNED_LINES, FILE_LINES } from "../support/golden-lines.ts";
import { goldenFile, goldenText, maskOutput } from "../support/mask-output.ts";
import { runInProcess } from "../support/run-cli.ts";

const NOW_MS = Date.UTC(2026, 10, 21, 12);
const HOUR_MS = 3_600_000;
const FILE = "examples/shop/selvage.yaml";
const source = readFileSync(path.resolve(import.meta.dirname, "../..", FILE), "utf8");

const agent = (service: string, instance: string, more: Partial<Status["agents"][number]> = {}) => ({
  ...{ service, instance, version: 7, state: "current" as const, phase: "ready" as const, lastSeenMsAgo: 2_000 },
  certificateNotAfterMs: NOW_MS + 20 * HOUR_MS,
  outage: { budgetMs: 20 * HOUR_MS, limitedBy: "certificate" },
  ...more,
});
const certificate = (fingerprint: string, days: number): CertificateStatus => ({
  ...{ fingerprint: fingerprint.repeat(16), subject: `CN=${fingerprint}`, external: false, pem: "" },
  notBeforeMs: NOW_MS - 24 * HOUR_MS,
  notAfterMs: NOW_MS + days * 24 * HOUR_MS,
});

const status: Status = {
  ...{ nowMs: NOW_MS, version: 7, hash: "f".repeat(64), gateways: [], keys: [], alarms: [] },
  agents: [
    agent("users", "users-1"),
    agent("orders", "orders-2", { certificateNotAfterMs: NOW_MS + 2 * HOUR_MS, phase: "draining" }),
    agent("orders", "orders-1", { version: 6, state: "refused", reason: "no port \u001b[31m8080" }),
    agent("inventory", "inventory-1", { state: "offline", certificateNotAfterMs: NOW_MS - HOUR_MS }),
  ],
};
const ca: CaStatus = {
  ...{ trustDomain: "shop.internal", csrPending: false, alarms: [] },
  roots: [{ ...certificate("a1b2", 3_000), state: "signs" }],
  issuer: certificate("c3d4", 200),
};
const judged = (of: "route" | "service", name: string, policy: string, errors: Record<string, number>) => {
  const wouldRefuse = Object.values(errors).reduce((sum, count) => sum + count, 0);
  return { of, name, policy, judged: 5_300, wouldRefuse, share: wouldRefuse / 5_300, errors };
};
const shadow: ShadowAnswer = {
  ...{ fromMs: NOW_MS - HOUR_MS, toMs: NOW_MS, leftOut: 0 },
  rows: [
    judged("route", "orders", "auth", { credentials_missing: 40, scope_missing: 2 }),
    judged("service", "orders", "access", { access_denied: 1 }),
    judged("route", "orders", "limit:tighter", {}),
  ],
};
const endpoint = { instance: "inventory-2", host: "127.0.0.1", port: 1, labels: {}, leaseEndsInMs: 1 };

const none = { wouldRefuse: 0, unsecured: 0, connections: 0, isOpen: false };
const called = (source: string, destination: string, more: Partial<UsageRow>, edge: object = {}): UsageRow => ({
  ...{ name: `${source} -> ${destination}`, requests: 100, perSecond: 0.5, success: 1, statuses: {}, errors: 0 },
  ...{ noAnswer: 0, denied: 0, p95Ms: 12.5, ...more },
  edge: { ...none, source, destination, ...edge },
});
const edges: UsageAnswer = {
  ...{ by: "edges", fromMs: NOW_MS - 24 * HOUR_MS, toMs: NOW_MS, slotMs: HOUR_MS, leftOut: 0 },
  rows: [
    called("gateway", "orders", { success: 0.98 }),
    called("orders", "inventory", { denied: 3 }, { wouldRefuse: 2 }),
    called("users", "inventory", { requests: 4, denied: 4 }),
    called("orders", "legacy", { requests: 2 }, { unsecured: 1 }),
  ],
};

let server: Server;
let control: string;
beforeAll(async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: NOW_MS });
  const { document } = checkDocument(
    (await import("yaml")).parse(source.replaceAll(/\$\{env:[^}]*:-([^}]*)\}/g, "$1")),
  );
  const version: VersionDetail = {
    ...{ version: 7, hash: status.hash, author: "ana", reason: "", file: FILE, appliedAtMs: NOW_MS },
    ...{ source, document },
  };
  const answers: Record<string, unknown> = {
    "/v1/status": status,
    "/v1/ca": ca,
    "/v1/services": { revision: 1, services: { inventory: [endpoint], users: [endpoint] } },
    "/v1/shadow?windowMs=3600000": shadow,
    "/v1/config/versions/7": version,
    "/v1/config/versions/6": { ...version, version: 6 },
    "/v1/usage?by=edges&windowMs=86400000": edges,
    "/v1/usage?by=edges&windowMs=3600000&of=inventory": { ...edges, rows: [] },
  };
  server = createServer(({ url = "" }, response) => {
    const answer = answers[url];
    response.writeHead(answer === undefined ? 404 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify(answer ?? { title: "Not found", status: 404 }));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  control = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  vi.useRealTimers();
  server.closeAllConnections();
  server.close();
});

describe("outputs", () => {
  test.each([...CANNED_LINES, "doctor --json"])("%s", async (line) => {
    const environment = { SELVAGE_CONTROL_URL: control, SELVAGE_TOKEN: "t", SELVAGE_STATE: ".vitest/nowhere" };
    const found = await runInProcess(line.split(" "), environment);
    const text = goldenText(line, found, (part) => part);
    expect(text).not.toContain("\u001b");
    if (!line.startsWith("doctor")) await expect(text).toMatchFileSnapshot(goldenFile("", line));
    else
      expect(JSON.parse(found.stdout).findings).toEqual(
        expect.arrayContaining([
          { what: "clock", verdict: "ok", text: "goes as that of the control plane" },
          expect.objectContaining({ verdict: "warn", text: "should have been renewed: orders/orders-2" }),
        ]),
      );
  });
});

describe("outputs of files", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "selvage-files-"));
  const names = { [path.relative(process.cwd(), folder)]: "<folder>", [folder]: "<folder>" };
  beforeAll(() => writeCliFiles(folder));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.each(FILE_LINES)("$line", async ({ line, head }) => {
    const args = line.replaceAll("@", `${folder}/`).split(" ");
    const found = await runInProcess(args, { SELVAGE_STATE: folder });
    const text = goldenText(line, found, (part) => maskOutput(part, names), head);
    await expect(text).toMatchFileSnapshot(goldenFile("files/", line));
  });
});
