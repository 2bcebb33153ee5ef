import { appendFileSync, mkdtempSync, renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { choosePort } from "../../../cli/dev/choose-port.ts";
import { followLog } from "../../../cli/dev/follow-log.ts";
import { readLocalVariables, useVariables } from "../../../cli/dev/local-variables.ts";
import { requestLine } from "../../../cli/dev/request-line.ts";
import { freePort } from "../../../cli/local/ports.ts";
import { loadDocument } from "../../../shared/config/load.ts";
import type { AccessLogEntry } from "../../../shared/http/access-log.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { until } from "../../support/system.ts";

const folder = (): string => mkdtempSync(path.join(tmpdir(), "selvage-dev-"));

test("a port that is taken: its holder is named, the next one is taken", async () => {
  const port = await freePort();
  const server = createServer().listen(port, "127.0.0.1");
  await new Promise((done) => server.once("listening", done));
  const said: string[] = [];
  const wish = { name: "gateway", port, setting: "--gateway-port" };
  const chosen = await choosePort(wish, "127.0.0.1", new Set(), (line) => said.push(line));
  server.close();
  expect(chosen).toBeGreaterThan(port);
  expect(said).toEqual([expect.stringContaining(`port ${port} of the gateway is taken by pid ${process.pid}`)]);
  expect(said[0]).toContain(`Using ${chosen} instead`);
});

test("variables of .dev.vars go before .env, what the environment says goes before both", () => {
  const here = folder();
  expect(readLocalVariables(here)).toBeUndefined();
  writeFileSync(path.join(here, ".env"), "A=env\n");
  expect(readLocalVariables(here)?.values).toEqual({ A: "env" });
  writeFileSync(path.join(here, ".dev.vars"), '# secrets\nA="one two"\nB=2\n');
  const values = readLocalVariables(here)?.values ?? {};
  const environment: NodeJS.ProcessEnv = { B: "own" };
  const given = useVariables(values, environment, new Map());
  expect(environment).toEqual({ A: "one two", SECRET_A: "one two", B: "own", SECRET_B: "2" });
  // A line that was taken out is no longer there.
  useVariables({ C: "3" }, environment, given);
  expect(environment).toEqual({ B: "own", C: "3", SECRET_C: "3" });
});

test("a log is followed through cuts and moves, without half lines", async () => {
  const file = path.join(folder(), "gateway.log");
  writeFileSync(file, "old\n");
  const lines: string[] = [];
  const end = followLog(file, (line) => lines.push(line));
  appendFileSync(file, "one\ntw");
  await until("one", () => lines.length === 1);
  appendFileSync(file, "o\n");
  await until("two", () => lines.length === 2);
  renameSync(file, `${file}.1`);
  writeFileSync(file, "3\n");
  await until("three", () => lines.length === 3);
  end();
  expect(lines).toEqual(["one", "two", "3"]);
});

const SOURCE = `selvage: 1
name: shop
gateway:
  hosts: [api.example]
  identity:
    partners: { apiKey: { header: x-api-key } }
  routes:
    - name: orders
      match: { path: /orders/* }
      auth: partners
      rateLimit: { limit: 5/minute, by: identity }
      to: "http://127.0.0.1:9"
`;

test("a line tells who was denied, by which setting, and where it stands", () => {
  const { document, positions } = loadDocument(SOURCE, "selvage.yaml", () => undefined);
  if (document === undefined) throw new Error("the document is not valid");
  const live = { document, plan: compile(document), positions, file: "api/selvage.yaml" };
  const entry = {
    ...{ time: "2026-01-01T12:00:00Z", method: "GET", host: "api.example", path: "/orders/\u001b[31m7", status: 429 },
    ...{ durationMs: 1.4, route: "orders", sub: "acme", clientIp: "192.0.2.1" },
  } as AccessLogEntry;
  const shown = (more: Partial<AccessLogEntry>, stub?: string): string =>
    requestLine({ ...entry, ...more }, live, stub);
  const limited = shown({ error: "limit_exceeded", reason: "limit identity" });
  expect(limited).toMatch(
    /^\d\d:\d\d:\d\d GET {4}\/orders\/\?\[31m7 +429 +1ms {2}orders +acme +limit_exceeded \(api\/selvage.yaml:11\) {2}limit identity$/,
  );
  expect(shown({ error: "credentials_missing", sub: "anonymous", path: "/orders/7" })).toMatch(
    / 192\.0\.2\.1 +credentials_missing \(api\/selvage.yaml:10\)$/,
  );
  expect(shown({ error: "upstream_unreachable" })).toContain("(api/selvage.yaml:12)");
  const would = { policy: "auth", error: "scope_missing" } as const;
  expect(shown({ wouldRefuse: [would] })).toMatch(/ auth:would-deny \(scope_missing\)$/);
  expect(shown({ cache: "hit" }, "getOrder")).toMatch(/stub:getOrder {2}cache:hit$/);
});
