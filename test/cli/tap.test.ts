/** `selvage tap` without a system: its help, its options, its rows, and the cases that it writes. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { HopJoiner } from "../../cli/tap/join-hops.ts";
import { hopsArgument, rateArgument, statusArgument, tapRequestOf } from "../../cli/tap/tap-options.ts";
import { tapHead, tapLines } from "../../cli/tap/tap-rows.ts";
import { testFile } from "../../cli/tap/test-case.ts";
import type { TapEntry } from "../../shared/policy/tap-entry.ts";
import { runSelvage } from "../support/run-selvage.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "selvage-tap-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const entry = (more: Partial<TapEntry> = {}): TapEntry => ({
  ...{ time: "2026-07-01T12:04:11.204Z", kind: "access", hop: "gateway", service: "gateway", instance: "i" },
  ...{ traceId: "t1", spanId: "s1", method: "GET", host: "api.test", path: "/orders/42", status: 200 },
  ...{ durationMs: 41.3, plan: 1, route: "orders", peer: "orders", sub: "alice" },
  ...more,
});

describe("the command", () => {
  test("says what it can", async () => {
    const { code, stdout } = await runSelvage(folder, ["tap", "--help"]);
    expect(code).toBe(0);
    expect(stdout).toMatchInlineSnapshot(`
      "Usage: selvage tap [options]

      Show live requests, filtered where they happen.

      Options:
        --route <names>           of these routes
        --service <names>         to these services of the mesh, as they take them
        --method <methods>        with these methods
        --status <statuses>       answered so: 4xx,503,500-502
        --identity <subjects>     of these users or owners of keys
        --path <prefix>           whose path begins so
        --min-latency <duration>  that took at least so long
        --at <hops>               seen there: gateway, ingress, outbound, inbound,
                                  expose
        --hops                    with the other hops of their traces under them
        --max <rate>              show at most so many, count the others (default:
                                  100)
        --for <duration>          end after that (default: 10m)
        --reveal                  show queries and headers, but for credentials; needs
                                  role admin
        --save <file>             write the requests as cases of a test
        -o, --output <form>       for people or for programs (choices: "table",
                                  "ndjson", default: "table")
        --ndjson                  the same as -o ndjson
        --json                    the same as -o ndjson
        --control <url>           control plane (SELVAGE_CONTROL_URL, else the local
                                  system)
        --token <token>           token of the API (SELVAGE_TOKEN, else the local
                                  system's)
        -h, --help                display help for command

      Nothing is looked at while nobody taps. A tap ends with this command, and by itself when the command was killed.

      Examples:
        selvage tap --route orders --status 4xx,5xx
        selvage tap --service inventory --min-latency 500ms --hops
        selvage tap --for 30s --save case.yaml
        selvage tap -o ndjson | jq .status
      "
    `);
  });

  test.each<[string, string[], number, string]>([
    ["no control plane", ["--control", "http://127.0.0.1:1", "--token", "t"], 3, "does not answer"],
  ])("%s", async (_, args, exit, said) => {
    const { code, stdout, stderr } = await runSelvage(folder, ["tap", ...args]);
    expect([code, stdout]).toEqual([exit, ""]);
    expect(stderr).toContain(said);
  });
});

describe("options", () => {
  const usual = { max: 100, for: 1_000 };
  test("say where a request is seen", () => {
    expect(tapRequestOf(usual).filter).toEqual({ hops: ["gateway", "expose"] });
    expect(tapRequestOf({ ...usual, service: ["orders"] }).filter).toEqual({ hops: ["inbound"], services: ["orders"] });
    const at = tapRequestOf({ ...usual, service: ["orders"], at: ["outbound"], method: ["get"] });
    expect(at.filter).toEqual({ hops: ["outbound"], services: ["orders"], methods: ["GET"] });
  });

  test.each<[string, () => unknown]>([
    ["a hop that is none", () => hopsArgument("gatway")],
    ["no hop", () => hopsArgument("")],
    ["a status that is none", () => statusArgument("700")],
    ["no rate", () => rateArgument("0/s")],
    ["too large a rate", () => rateArgument("5000/s")],
    ["a rate in another unit", () => rateArgument("5/m")],
  ])("%s is refused", (_, read) => expect(read).toThrow("Expected"));

  test("a name that is nearly one is told", () =>
    expect(() => hopsArgument("gatway")).toThrow("Did you mean gateway?"));
});

test("rows stand under their head, and what comes from outside cannot command the terminal", () => {
  const hop = entry({ hop: "inbound", service: "orders", peer: "gateway", durationMs: 1.2 });
  const failed = {
    status: 503,
    error: "upstream_unreachable",
    reason: "it\u001b[2J left",
    path: "/a\u001b[31m",
  } as const;
  const lines = tapLines({ request: entry({ ...failed, query: "page=…" }), hops: [hop] });
  const plain = `${tapHead()}\n${lines}`;
  expect(plain).not.toContain("\u001b");
  const [head = "", first = "", second = ""] = plain.split("\n");
  expect(first.indexOf("503")).toBe(head.indexOf("STATUS"));
  expect(second.indexOf("gateway")).toBe(head.indexOf("CLIENT"));
  expect(first).toContain("12:04:11.204");
  expect(first).toContain("✗ upstream_unreachable (it");
});

test("hops are joined to their request in the order of their beginning, whichever comes first", () => {
  const joiner = new HopJoiner(({ hop }) => hop === "gateway", 100);
  joiner.add([entry(), entry({ traceId: "t2" })], 0);
  const late = entry({ hop: "outbound", time: "2026-07-01T12:04:11.230Z" });
  const outer = entry({ hop: "ingress", durationMs: 40 });
  const inner = entry({ hop: "inbound", durationMs: 30 });
  joiner.add([late, inner, outer, entry({ hop: "inbound", traceId: "t9" })], 50);
  expect(joiner.take(99)).toEqual([]);
  const [first, second] = joiner.take(100);
  expect(first?.hops.map(({ hop }) => hop)).toEqual(["ingress", "inbound", "outbound"]);
  expect(second?.hops).toEqual([]);
  expect(joiner.take(1_000, true)).toEqual([]);
});

test("requests become cases: each once, without what is hidden", () => {
  const denied = entry({
    path: "/x",
    status: 403,
    error: "scope_missing",
    query: "a=1",
    headers: { accept: "b", cookie: "…", host: "h" },
  });
  const failed = entry({ path: "/y", status: 503, error: "upstream_unreachable" });
  const text = testFile([
    entry({ query: "page=…" }),
    entry({ spanId: "s2" }),
    entry({ hop: "inbound" }),
    denied,
    failed,
  ]);
  expect(parse(text)).toEqual({
    cases: [
      {
        name: "GET /orders/42 200",
        request: { method: "GET", url: "http://api.test/orders/42", as: "alice" },
        expect: { status: 200, route: "orders" },
      },
      {
        name: "GET /x 403",
        request: { method: "GET", url: "http://api.test/x?a=1", headers: { accept: "b" }, as: "alice" },
        expect: { outcome: "refuse", denied: { code: "scope_missing" }, status: 403, route: "orders" },
      },
      {
        name: "GET /y 503",
        request: { method: "GET", url: "http://api.test/y", as: "alice" },
        expect: { route: "orders" },
      },
    ],
  });
});
