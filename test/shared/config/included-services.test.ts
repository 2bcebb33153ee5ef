/** Services and upstreams in the files of their owners. */
import { describe, expect, test } from "vitest";
import { joinFiles, type TextFile } from "../../../shared/config/document-files.ts";
import { loadDocument } from "../../../shared/config/load.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { explain } from "../../../shared/plan/explain.ts";
import type { Plan } from "../../../shared/plan/plan.ts";

const MAIN = `selvage: 1
name: shop
include: [teams/*.yaml]
owners:
  pay: { paths: [/pay/*], to: ["https://psp.example"], secrets: [PSP], services: [pay, pay-*] }
  mail: { services: [mail] }
gateway:
  hosts: [a.example]
  routes: []
mesh:
  trustDomain: shop.internal
  services:
    home: { port: 1, access: [{ from: pay }] }
`;
const PAY = `owner: pay
routes:
  - { name: pay, match: { path: /pay/* }, to: pay }
services:
  pay: { port: 2, access: [{ from: gateway }, { from: mail }] }
`;
const MAIL = `owner: mail
services:
  mail: { port: 3, access: [{ from: home }] }
`;

function load(files: Record<string, string>, quarantine = false, main = MAIN) {
  const included = Object.entries(files).map(([name, text]): TextFile => ({ name: `teams/${name}.yaml`, text }));
  return loadDocument(
    joinFiles([{ name: "", text: main }, ...included]) ?? "",
    "a",
    () => undefined,
    undefined,
    quarantine,
  );
}
const said = ({ problems }: ReturnType<typeof load>): string[] =>
  problems.map(({ severity, code, file = "main", line }) => `${severity} ${code} ${file}:${line}`);

describe("services of files", () => {
  test("are services as all others: they are routed to, and stand in each other's access lists", () => {
    const loaded = load({ a: MAIL, b: PAY });
    expect(loaded.problems).toEqual([]);
    const { mesh, gateway } = compile(loaded.document ?? ({} as never));
    expect(Object.keys(mesh.services)).toEqual(["home", "mail", "pay"]);
    expect(mesh.services.pay).not.toHaveProperty("owner");
    expect(gateway.routes[0]?.target).toMatchObject({ to: { service: "pay" } });
    expect(loaded.positions.find(["mesh", "services", "pay", "access", 1])).toMatchObject({
      file: "teams/b.yaml",
      line: 5,
    });
    expect(loaded.positions.find(["mesh", "services", "home"]).file).toBeUndefined();
  });
  test("mean the same as in the document", () => {
    const main = MAIN.replace(/ {4}home.*\n/, (own) => `${own}${MAIL.split("\n")[2]?.replace("  ", "    ")}\n`);
    const apart = load({ b: PAY, a: MAIL });
    const whole = load({ b: PAY }, false, main);
    expect([apart.problems, whole.problems]).toEqual([[], []]);
    // To hosts; whose the service is differs.
    const [{ owners: _, ...first }, { owners: _other, ...second }] = [apart, whole].map(({ document }) =>
      compile(document ?? ({} as never)),
    ) as [Plan, Plan];
    expect(first).toEqual(second);
  });
  test("may be the only ones", () => {
    const main = MAIN.replace(/ {2}services:\n.*\n/, "");
    expect(said(load({ a: PAY.replace(", { from: mail }", "") }, false, main))).toEqual(
      ["error SLV3082 main:3"].slice(1),
    );
  });
  test("need no gateway", () => {
    const main = `${MAIN.slice(0, MAIN.indexOf("gateway:"))}${MAIN.slice(MAIN.indexOf("mesh:")).replace("from: pay", "from: mail")}`;
    expect(load({ a: MAIL }, false, main).problems).toEqual([]);
    const besideBroken = load({ a: MAIL, b: "owner: pay\nroutes: 7\n" }, true, main);
    expect(Object.keys(besideBroken.document?.mesh?.services ?? {})).toEqual(["home", "mail"]);
    expect(besideBroken.document).not.toHaveProperty("gateway");
  });
  test("need a mesh to be in", () => {
    const main = MAIN.slice(0, MAIN.indexOf("mesh:"));
    expect(said(load({ a: PAY.replace(", { from: mail }", "") }, false, main))).toEqual(["error SLV2002 main:1"]);
  });
  test("upstreams, too, lead where their owner may", () => {
    const upstreams = (targets: string): string => `owner: pay
routes:
  - { name: pay, match: { path: /pay/* }, to: pay-psp }
upstreams:
  pay-psp: { targets: ${targets} }
`;
    const main = MAIN.replace("from: pay", "from: gateway");
    const ok = load(
      { a: upstreams('["https://psp.example/v1", { mtls: PSP, url: "https://psp.example" }]') },
      false,
      main,
    );
    expect(said(ok)).toEqual([]);
    expect(compile(ok.document ?? ({} as never)).gateway.upstreams).toHaveProperty("pay-psp");
    expect(said(load({ a: upstreams('["https://other.example"]') }, false, main))).toEqual([
      "error SLV3085 teams/a.yaml:5",
    ]);
    expect(said(load({ a: upstreams("[{ binding: OTHER }]") }, false, main))).toEqual(["error SLV3085 teams/a.yaml:5"]);
  });
});

describe("what is wrong with them is said at its own file and line", () => {
  const more = (line: string): string => `${PAY}${line}\n`;
  test.each<[string, string, ...string[]]>([
    ["an unknown key", more("  pay-b: { port: 4, access: [], prot: http }"), "error SLV2003 teams/p.yaml:6"],
    ["a value", more("  pay-b: { port: 0, access: [] }"), "error SLV2001 teams/p.yaml:6"],
    [
      "a caller that is not there",
      more("  pay-b: { port: 4, access: [{ from: hom }] }"),
      "error SLV3001 teams/p.yaml:6",
    ],
    ["one that everybody may call", more("  pay-b: { port: 4 }"), "warning SLV3011 teams/p.yaml:6"],
    ["no mapping", more("  pay-b: 7"), "error SLV2001 teams/p.yaml:6"],
    ["a name that is none", more("  pay-B_: { port: 4, access: [] }"), "error SLV2004 teams/p.yaml:6"],
    ["a name that is not theirs", more("  post: { port: 4, access: [] }"), "error SLV3085 teams/p.yaml:6"],
    ["a service of the document", more("  home: { port: 4, access: [] }"), "error SLV3006 teams/p.yaml:6"],
    ["a service of another file", more("  mail: { port: 4, access: [] }"), "error SLV3006 teams/p.yaml:6"],
    [
      "a secret that is not theirs",
      more(
        "  pay-b: { port: 4, access: [], expose: { hosts: [a.example], identityHeaders: { x: '${secret:NO}' }, routes: [{ name: x, match: { path: /pay/x } }] } }",
      ),
      "error SLV3085 teams/p.yaml:6",
    ],
    [
      "routes of its own to outside",
      more(
        "  pay-b: { port: 4, access: [], expose: { hosts: [a.example], routes: [{ name: x, match: { path: /x } }] } }",
      ),
      "error SLV3085 teams/p.yaml:6",
    ],
    ["nothing of its own", "owner: pay\n", "error SLV2001 teams/p.yaml:1"],
    ["a list", "owner: pay\nservices: []\n", "error SLV2001 teams/p.yaml:2"],
    ["the name of the edge", PAY.replace("  pay:", "  gateway:"), "error SLV2004 teams/p.yaml:5"],
  ])("%s", (_, text, ...problems) => {
    const found = said(load({ m: MAIL, p: text }));
    expect(found).toEqual(expect.arrayContaining(problems));
  });
  test("whose is told where a name stands twice", () => {
    const [problem] = load({ m: MAIL, p: `${PAY}  mail: { port: 4, access: [] }\n` }).problems;
    expect(problem?.message).toContain("line 3 of teams/m.yaml");
    const [own] = load({ m: MAIL, p: `${PAY}  home: { port: 4, access: [] }\n` }).problems;
    expect(own?.message).toContain("line 13 of the document");
  });
  test("who has services alone has no routes", () => {
    const text = `${MAIL}routes:\n  - { name: m, match: { path: /m }, to: mail }\n`;
    expect(said(load({ b: PAY, m: text }))).toEqual(["error SLV3085 teams/m.yaml:5"]);
  });
  test("explain names the file", () => {
    const { document, positions } = load({ a: MAIL, b: PAY });
    const plan = compile(document ?? ({} as never));
    const request = { method: "GET", host: "a.example", path: "/pay/1", query: "", headers: [] };
    const { steps } = explain(plan, { ...request, credential: { kind: "none" } }, 0);
    const places = steps.flatMap(({ path }) => (path === undefined ? [] : positions.find(path).file));
    expect(places.filter((file) => file !== undefined).length).toBeGreaterThan(0);
    expect(new Set(places)).not.toContain("teams/a.yaml");
  });
});

describe("quarantine", () => {
  const applied = (files: Record<string, string>): string[] | undefined => {
    const { document } = load({ m: MAIL, ...files }, true);
    return document && Object.keys(document.mesh?.services ?? {});
  };
  const BAD_ROUTE = PAY.replace("to: pay }", "to: pya }");
  test("a broken route leaves the services of its file at work", () => {
    expect(applied({ p: BAD_ROUTE })).toEqual(["home", "mail", "pay"]);
  });
  test.each<[string, Record<string, string>]>([
    ["a broken service", { p: PAY.replace("port: 2", "port: 0") }],
    ["a name that is taken", { p: `${PAY}  home: { port: 4, access: [] }\n` }],
    ["a file that is no YAML and has services", { p: `${PAY}routes: [\n` }],
    ["a file in flow form that is none", { p: '{ "owner": "pay", "services": { "pay": {}' }],
    ["a file with an unknown key and services", { p: `${PAY}extra: 1\n` }],
    ["a file of nobody", { p: PAY.replace("owner: pay", "owner: ''") }],
  ])("%s refuses all: who is at work is not taken away", (_, files) => expect(applied(files)).toBeUndefined());
  test("a file of routes alone is left out as before", () => {
    const main = MAIN.replace("from: pay", "from: mail");
    const text = "owner: [\nroutes:\n  - { name: a, transcode: { services: [a] } }\n";
    const { document, quarantined } = load({ m: MAIL, p: text }, true, main);
    expect(document?.gateway?.routes).toEqual([]);
    expect(quarantined).toHaveLength(1);
  });
});
