/** Contracts by the commands. */
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { DescriptionFolder, HEAD } from "../../support/description-folder.ts";
import { runSelvage } from "../../support/run-selvage.ts";

let folder: DescriptionFolder;
beforeEach(() => {
  folder = new DescriptionFolder();
});
afterEach(() => folder.remove());

const root = path.join(import.meta.dirname, "../../..");
const example = path.join(root, "examples/openapi/selvage.yaml");
const selvage = (...args: string[]) => runSelvage(folder.path, args);

test("the example is whole, and shows what it has", async () => {
  const [check, contract, json, unknown] = await Promise.all([
    selvage("check", "--fail-on", "warning", example),
    selvage("contract", example),
    selvage("contract", example, "orders", "--json"),
    selvage("contract", example, "ordres"),
  ]);
  expect(check).toMatchObject({ code: 0, stderr: expect.stringMatching(/^\nNext: /) });
  expect(contract.stdout).toMatch(
    /^GET +\/orders\/\{orderId\}\/invoice\.\{format\} +getInvoice +orderId format +200 default \(off\)$/m,
  );
  expect(contract.stdout).toMatch(/^Orders 1\.4\.0: 4 operations below \/v1, 11 schemas$/m);
  expect(JSON.parse(json.stdout)).toMatchObject({ name: "orders", schemas: 11, contract: { basePath: "/v1" } });
  expect(unknown).toMatchObject({ code: 2, stderr: expect.stringContaining("did you mean orders?") });
});

test("explain finds the operation of a request, and what is none", async () => {
  const [found, missing] = await Promise.all([
    selvage("explain", "GET", "/v1/orders/42", "--file", example),
    selvage("explain", "PUT", "/v1/orders", "--file", example),
  ]);
  expect(found).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("operation getOrder of orders: parameters orderId;"),
  });
  expect(missing).toMatchObject({ code: 1, stdout: expect.stringContaining("refused: 405") });
});

test("what is wrong with a description is shown where it stands", async () => {
  folder.put({
    "selvage.yaml": `selvage: 1\nname: a\ngateway:\n  hosts: [a.example]\n  contracts: { a: { openapi: specs/a.yaml, overlays: [b.yaml] } }\n  routes: [{ name: a, match: { path: /* }, to: "http://a.example", validate: { contract: a } }]\n`,
    "specs/a.yaml": `${HEAD}paths: { /a: { gte: {} } }\n`,
    "b.yaml": `overlay: 1.1.0\ninfo: {}\nactions: [{ target: "$.nothing", remove: true }]\n`,
  });
  const file = path.join(folder.path, "selvage.yaml");
  const [check, json, plan] = await Promise.all([
    selvage("check", file),
    selvage("check", "--json", file),
    selvage("plan", file),
  ]);
  expect(check.code).toBe(2);
  expect(check.stderr).toMatch(
    /error\[SLV3143\]: "gte" is no method.*\n *--> .*\/?specs\/a\.yaml:3:16\n *\|\n3 \| paths: \{ \/a: \{ gte: \{\} \} \}\n *\| {16}\^\^\^/,
  );
  expect(check.stderr).toMatch(/warning\[SLV3147\]: "\$\.nothing" finds nothing.*\n *--> .*b\.yaml:3:21/);
  expect(JSON.parse(json.stdout).problems).toMatchObject([
    { code: "SLV3147", file: expect.stringMatching(/b\.yaml$/), line: 3 },
    { code: "SLV3143", file: expect.stringMatching(/specs\/a\.yaml$/), line: 3, column: 16 },
  ]);
  expect(plan).toMatchObject({ code: 2, stdout: "" });
});
