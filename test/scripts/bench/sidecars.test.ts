/** The parts of the sidecar benchmark that are not agents: proxies of others start, carry requests over mTLS, and are counted. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { envoyPair } from "../../../bench/support/sidecars/envoy.ts";
import { H2load } from "../../../bench/support/sidecars/h2load.ts";
import { haproxyPair } from "../../../bench/support/sidecars/haproxy.ts";
import { nginxPair, startApplication } from "../../../bench/support/sidecars/nginx.ts";
import { type Bed, HOST, makeBed, type Proxies } from "../../../bench/support/sidecars/peers.ts";
import { findProgram, Programs } from "../../../bench/support/sidecars/programs.ts";
import { Samples } from "../../../bench/support/sidecars/samples.ts";

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

test("a ratio is taken within a round, and those without the agents are left out", () => {
  const samples = new Samples();
  for (const [agents, nginx] of [
    [2, 4],
    [9, 3],
    [5, 5],
  ] as const) {
    samples.compare("cpu", "CPU", "agents", agents);
    samples.compare("cpu", "CPU", "nginx", nginx);
    samples.compare("rate", "rate", "nginx", nginx);
  }
  const figures = samples.figures();
  expect(figures.map(({ name }) => name)).toEqual(["cpu_to_nginx_ratio", "cpu_agents", "cpu_nginx", "rate_nginx"]);
  expect(figures[0]?.spread).toEqual({ median: 1, min: 0.5, max: 3 });
});

const isMissing = findProgram("h2load", "H2LOAD") === undefined || findProgram("nginx", "NGINX") === undefined;

describe.skipIf(isMissing)("pairs of others (needs h2load and nginx)", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "selvage-bench-test-"));
  const programs = new Programs();
  let bed: Bed;
  let app: number;
  let load: H2load;
  beforeAll(async () => {
    bed = await makeBed(folder, programs);
    app = await startApplication(bed);
    load = new H2load(folder);
  });
  afterAll(() => {
    programs.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const pairs: Record<string, () => Promise<Proxies | undefined>> = {
    nginx: () => nginxPair(bed, app),
    haproxy: () => haproxyPair(bed, app),
    envoy: () => envoyPair(bed, app, "http/1.1"),
    "envoy-h2": () => envoyPair(bed, app, "h2"),
  };
  test.each(Object.entries(pairs))("%s", async (name, start) => {
    const pair = await start();
    if (pair === undefined) return;
    expect(pair).toMatchObject({ name, pids: [expect.any(Number), expect.any(Number)] });
    const target = { port: pair.port, host: HOST };
    const { p50Us, p99Us, requests } = await load.offer(target, 2, 100, 1);
    expect(requests).toBe(100);
    expect(p99Us).toBeGreaterThanOrEqual(p50Us);
  });

  test("a failed request fails the run", async () => {
    const pair = await nginxPair({ ...bed, folder: mkdtempSync(path.join(folder, "dead-")) }, 1);
    if (pair === undefined) return;
    await expect(load.saturate({ port: pair.port, host: HOST }, 1, 1)).rejects.toThrow("failed");
  });
});
