/** Documents of several files, by the commands. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { quarantinedOf } from "../../cli/commands/status.ts";
import { withIncluded } from "../../cli/included-files.ts";
import { splitFiles } from "../../shared/config/document-files.ts";
import { runSelvage } from "../support/run-selvage.ts";

let folder: string;

const put = (name: string, text: string): void => {
  mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
  writeFileSync(path.join(folder, name), text);
};

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "selvage-files-"));
  put(
    "selvage.yaml",
    `selvage: 1\nname: shop\ninclude: teams/*.yaml\nowners: { pay: { paths: [/pay/*] } }\ngateway: { hosts: [a.example], routes: [] }\n`,
  );
  put("teams/pay.yaml", `owner: pay\nroutes:\n  - { name: pay, match: { path: /pay/* }, to: "http://u" }\n`);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const selvage = (args: readonly string[]) => runSelvage(folder, args);

describe("which files are found", () => {
  const found = (pattern: string): string[] => {
    const text = withIncluded(
      `include: ${JSON.stringify(pattern)}\n`,
      path.join(folder, "selvage.yaml"),
      (file) => file,
    );
    return splitFiles(text)
      .slice(1)
      .map(({ name }) => name);
  };
  test("those of the pattern in the order of their names, no links, nothing hidden, nothing outside", () => {
    put("teams/a.yaml", "");
    put("teams/.b.yaml", "");
    put("teams/deep/c.yaml", "");
    symlinkSync("/etc/hostname", path.join(folder, "teams/link.yaml"));
    symlinkSync(path.join(folder, "teams"), path.join(folder, "linked"));
    expect(found("teams/*.yaml")).toEqual(["teams/a.yaml", "teams/pay.yaml"]);
    expect(found("*/*/c.yaml")).toEqual(["teams/deep/c.yaml"]);
    expect(found("linked/*.yaml")).toEqual([]);
    for (const outside of ["../*", "/etc/hostname", "teams/../../*", "nowhere/*"]) expect(found(outside)).toEqual([]);
  });
  test("a document on stdin has no folder", () => {
    expect(() => withIncluded("include: a.yaml\n", "-", () => "")).toThrow("stdin");
    expect(withIncluded("a: 1\n", "-", () => "")).toBe("a: 1\n");
  });
});

test("check and explain name the file", async () => {
  expect(await selvage(["check", "selvage.yaml"])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("1 routes"),
  });
  const explained = await selvage(["explain", "GET", "/pay/1", "--file", "selvage.yaml"]);
  expect(explained.stdout).toContain("teams/pay.yaml:3");
  expect(explained.stdout).toContain("the route is of pay");
  put("teams/pay.yaml", `owner: pay\nroutes:\n  - { name: pay, match: { path: /pya/* }, to: "http://u" }\n`);
  const { code, stderr } = await selvage(["check", "selvage.yaml"]);
  expect(code).toBe(2);
  expect(stderr).toContain("error[SLV3085]: the owner pay is not granted the path /pya/*");
  expect(stderr).toContain("--> teams/pay.yaml:3:");
  const json = JSON.parse((await selvage(["check", "selvage.yaml", "--json"])).stdout);
  expect(json.problems).toMatchObject([{ file: "teams/pay.yaml", line: 3, code: "SLV3085" }]);
});

/** A control plane with one version. @param answer to an apply */
async function withControl(
  live: object,
  answer: readonly [status: number, body: object],
  use: (control: readonly string[], applied: { document: unknown; source: string; expect: number }[]) => Promise<void>,
): Promise<void> {
  const applied: { document: unknown; source: string; expect: number }[] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    if (request.method === "POST") applied.push(JSON.parse(body));
    const [status, found] =
      request.method === "POST" ? answer : [200, request.url === "/v1/status" ? { version: 6 } : live];
    response.writeHead(status).end(JSON.stringify(found));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  try {
    const { port } = server.address() as AddressInfo;
    await use(["--control", `http://127.0.0.1:${port}`, "--token", "t"], applied);
  } finally {
    server.close();
  }
}
const DONE = [201, { version: 7, hash: "abc", changed: true }] as const;
const LIVE = {
  version: 6,
  file: "selvage.yaml",
  artifacts: {},
  source: `selvage: 1\nname: shop\ninclude: teams/*.yaml\nowners: { pay: { paths: [/pay/*] } }\ngateway: { hosts: ["\${env:HOST}"], routes: [] }\n--- # selvage: file teams/pay.yaml\nowner: pay\nroutes:\n  - { name: pay, match: { path: /pay/* }, to: "http://u" }\n`,
  document: {
    selvage: 1,
    name: "shop",
    owners: { pay: { paths: ["/pay/*"] } },
    gateway: {
      hosts: ["a.example"],
      routes: [{ name: "pay", match: { path: "/pay/*" }, to: "http://u", owner: "pay" }],
    },
  },
};

test("a broken route keeps nothing from being applied when it may be put out of service", async () => {
  put("teams/pay.yaml", `owner: pay\nroutes:\n  - { name: pay, match: { path: /pay/* }, to: nobody }\n`);
  await withControl(LIVE, DONE, async (control, applied) => {
    expect((await selvage(["apply", "selvage.yaml", ...control])).code).toBe(2);
    expect(applied).toEqual([]);
    const { code, stderr } = await selvage(["apply", "selvage.yaml", "--quarantine", ...control]);
    expect(code).toBe(0);
    expect(stderr).toContain("QUARANTINED: route pay of pay: SLV3001");
    expect(quarantinedOf(applied[0]?.document)).toEqual([
      { name: "pay", owner: "pay", reason: expect.stringContaining("SLV3001") },
    ]);
    expect(splitFiles(applied[0]?.source ?? "").map(({ name }) => name)).toEqual(["", "teams/pay.yaml"]);
  });
});

describe("the file of an owner alone", () => {
  const more = `owner: pay\nroutes:\n  - { name: pay, match: { path: /pay/* }, to: "http://u", timeout: 3s }\n  - { name: new, match: { path: /pay/new }, to: "http://u" }\n`;

  test("is applied with the rest as it is live, against the version that was shown", async () => {
    put("teams/pay.yaml", more);
    await withControl(LIVE, DONE, async (control, applied) => {
      const { code, stdout, stderr } = await selvage(["apply", "teams/pay.yaml", ...control]);
      expect([code, stdout]).toEqual([0, "version 7 is live (abc)\n"]);
      expect(stderr).toContain("route pay\n  +  timeout  3s");
      expect(stderr).toContain("! a new route, public: nobody has to prove who they are");
      expect(applied[0]).toMatchObject({
        expect: 6,
        document: { gateway: { hosts: ["a.example"], routes: [{ timeout: "3s" }, { name: "new" }] } },
      });
      expect(applied[0]?.source).toContain("${env:HOST}");
      expect(splitFiles(applied[0]?.source ?? "")[1]?.text).toBe(more);
    });
  });

  test("is compared with the live version, also by its path from elsewhere", async () => {
    put("teams/pay.yaml", more);
    await withControl(LIVE, DONE, async (control) => {
      const { code, stdout, stderr } = await selvage([
        "diff",
        path.join(folder, "teams/pay.yaml"),
        "--exit-code",
        ...control,
      ]);
      expect(code).toBe(1);
      expect(stdout).toContain("route new");
      expect(stderr).toContain("2 changes, 1 widens what somebody may do (!): version 6 -> ");
      const json = JSON.parse((await selvage(["diff", "teams/pay.yaml", "--json", ...control])).stdout);
      expect(json).toMatchObject({
        from: 6,
        changes: [{ kind: "route", name: "pay", place: "timeout", is: "3s" }, { name: "new" }],
      });
    });
  });

  test("what is not the owner's is refused with file and line", async () => {
    put("teams/pay.yaml", more);
    const errors = [
      { code: "SLV3236", path: ["gateway", "routes", 1, "match"], message: "route new would take requests" },
      { code: "SLV3235", path: ["gateway", "hosts"], message: "gateway: hosts is for administrators" },
    ];
    await withControl(LIVE, [403, { code: "not_owned", title: "Forbidden", errors }], async (control) => {
      const { code, stderr } = await selvage(["apply", "teams/pay.yaml", ...control]);
      expect(code).toBe(1);
      expect(stderr).toContain("teams/pay.yaml:4:25  route new would take requests");
      expect(stderr).toContain("version 6, gateway.hosts  gateway: hosts is for administrators");
    });
  });

  test("broken, unknown or without a version it is part of: nothing is sent", async () => {
    put("teams/pay.yaml", more.replace("/pay/new", "/other"));
    put("elsewhere/pay.yaml", more);
    await withControl(LIVE, DONE, async (control, applied) => {
      const broken = await selvage(["apply", "teams/pay.yaml", ...control]);
      expect(broken).toMatchObject({ code: 2, stderr: expect.stringContaining("SLV3085") });
      expect(broken.stderr).toContain("--> teams/pay.yaml:4:");
      expect(await selvage(["apply", "elsewhere/pay.yaml", ...control])).toMatchObject({
        code: 2,
        stderr: expect.stringContaining("is no file of version 6: it includes teams/*.yaml"),
      });
      expect(applied).toEqual([]);
    });
  });
});

test("who was faster is told, with what they changed", async () => {
  const since = [
    { version: 8, author: "bob", changes: { count: 1, places: [{ place: "route pay: to", how: "changed" }] } },
  ];
  const moved = { code: "version_moved", title: "Conflict", detail: "version 8 by bob is live", expected: 6, since };
  await withControl(LIVE, [409, moved], async (control) => {
    const { code, stderr } = await selvage(["apply", "selvage.yaml", ...control]);
    expect(code).toBe(1);
    expect(stderr).toContain(
      "version 8 is live, not version 6:\n  version 8 by bob: 1 change: route pay: to\nLook at it",
    );
  });
});

test("a dry run shows what would change, on stdout, and sends it to be judged", async () => {
  await withControl(LIVE, [200, { dryRun: true, version: 6, changed: true }], async (control, applied) => {
    put("selvage.yaml", "selvage: 1\nname: shop\ngateway: { hosts: [a.example], routes: [] }\n");
    const { code, stdout, stderr } = await selvage(["apply", "selvage.yaml", "--dry-run", ...control]);
    expect([code, stderr]).toEqual([0, "nothing was made live: --dry-run\n"]);
    expect(stdout).toContain("owner pay\n  -  all of it");
    expect(applied).toMatchObject([{ dryRun: true, expect: 6 }]);
  });
});
