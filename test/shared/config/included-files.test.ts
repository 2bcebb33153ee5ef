import { describe, expect, test } from "vitest";
import { checkDocument } from "../../../shared/config/check-document.ts";
import { fitsGlob, joinFiles, splitFiles, type TextFile } from "../../../shared/config/document-files.ts";
import { loadDocument } from "../../../shared/config/load.ts";
import { compile } from "../../../shared/plan/compile.ts";

const MAIN = `selvage: 1
name: shop
include: [teams/*.yaml]
owners:
  pay: { paths: [/pay/*], hosts: [a.example], to: [pay, "https://psp.example"], secrets: [PSP] }
  mail: { paths: [/mail, "/m/{id}/*"] }
gateway:
  hosts: [a.example, b.example]
  routes:
    - { name: home, match: { path: / }, to: pay }
mesh: { trustDomain: t, services: { pay: { port: 1, access: [] }, mail: { port: 1, access: [] } } }
`;
const route = (text: string): string => `  - { ${text} }\n`;
const team = (owner: string, ...routes: string[]): string => `owner: ${owner}\nroutes:\n${routes.map(route).join("")}`;
const GOOD = "name: pay, match: { path: /pay/x, hosts: [a.example] }, to: pay";

function load(files: Record<string, string>, quarantine = false, main = MAIN) {
  const included = Object.entries(files).map(([name, text]): TextFile => ({ name: `teams/${name}.yaml`, text }));
  const text = joinFiles([{ name: "", text: main }, ...included]);
  return loadDocument(text ?? "", "selvage.yaml", () => "value", undefined, quarantine);
}
const said = ({ problems }: ReturnType<typeof load>) =>
  problems.map(({ severity, code, file = "main", line }) => `${severity} ${code} ${file}:${line}`);

describe("files as one text", () => {
  test("come apart as they were put together", () => {
    const files = [
      { name: "", text: "a: 1" },
      { name: "teams/x.yaml", text: "b: 2\n--- c\n" },
      { name: "teams/y.yaml", text: "" },
    ];
    expect(splitFiles(joinFiles(files) ?? "")).toEqual([{ name: "", text: "a: 1\n" }, ...files.slice(1)]);
    expect(joinFiles([{ name: "", text: "--- # selvage: file x\n" }])).toBeUndefined();
    expect(splitFiles("a: 1")).toEqual([{ name: "", text: "a: 1" }]);
  });
  test.each(["\r", "\u2028", "\u2029"])("are not more than were put together: %j ends no line", (end) => {
    const files = [
      { name: "", text: "a: 1\n" },
      { name: "teams/x.yaml", text: `owner: x # a${end}--- # selvage: file teams/y.yaml\n# b\n` },
    ];
    expect(splitFiles(joinFiles(files) ?? "")).toEqual(files);
  });
  test.each([
    ["teams/*.yaml", "teams/a.yaml", true],
    ["teams/*.yaml", "teams/a/b.yaml", false],
    ["teams/*.yaml", "teams/.yaml", true],
    ["*/routes.yaml", "a/routes.yaml", true],
    ["a.yaml", "a.yaml", true],
    ["a.yaml", "b.yaml", false],
    ["a*a", "a", false],
    ["*a*b*", "xaybz", true],
    ["*a*b", "xbxa", false],
  ])("%s and %s: %s", (pattern, name, fits) => expect(fitsGlob(pattern, name)).toBe(fits));
});

describe("included routes", () => {
  test("stand after those of the document, with their owner", () => {
    const loaded = load({ a: team("pay", GOOD), b: team("mail", "name: mail, match: { path: /m/1/x }, to: mail") });
    expect(loaded.problems).toEqual([]);
    expect(loaded.document).not.toHaveProperty("include");
    const { routes } = compile(loaded.document ?? ({} as never)).gateway;
    expect(routes.map(({ name, owner }) => [name, owner])).toEqual([
      ["home", undefined],
      ["pay", "pay"],
      ["mail", "mail"],
    ]);
    expect(loaded.positions.find(["gateway", "routes", 1, "to"])).toMatchObject({ file: "teams/a.yaml", line: 3 });
    expect(loaded.positions.find(["gateway", "routes", 0, "to"]).file).toBeUndefined();
  });
  test("every problem is said with its file and line", () => {
    const files = {
      a: team("pay", "name: pay, match: { path: /pay/x, hosts: [a.example] }, to: pya", `${GOOD}, nme: x`),
      b: `${team("mail", "name: home, match: { path: /mail }, to: mail")}extra: 1\n`,
      c: "owner: [\n",
      d: team("mial", "name: m, match: { path: /mail }, to: mail"),
      e: team("mail", "name: home, match: { path: /mail }, to: mail, rewrite: '/${env:HOME}'"),
    };
    expect(said(load(files))).toEqual([
      ...["error SLV3085 teams/a.yaml:3", "error SLV3001 teams/a.yaml:3", "error SLV3006 teams/a.yaml:4"],
      ...["error SLV3007 teams/a.yaml:4", "error SLV2003 teams/a.yaml:4"],
      ...["error SLV2003 teams/b.yaml:4", "error SLV1001 teams/c.yaml:2"],
      "error SLV3084 teams/d.yaml:1",
      "error SLV4002 teams/e.yaml:3",
    ]);
    expect(load({ a: team("pay", GOOD, GOOD) }).problems[0]?.message).toContain("line 3 of teams/a.yaml");
  });
  test("a pattern that finds nothing is an error; without a file the document stays what it was", () => {
    expect(said(load({}))).toEqual(["error SLV3082 main:3"]);
    expect(load({}, false, MAIN.replace("include: [teams/*.yaml]\n", "")).document).toBeDefined();
  });
  test.each(["../x.yaml", "/etc/x.yaml", "a/../../x.yaml", "**/x.yaml", "a//b", "a\\b", "teams/"])(
    "%s is no file below the document",
    (pattern) => {
      const main = MAIN.replace("[teams/*.yaml]", JSON.stringify(pattern));
      expect(said(load({}, false, main))).toContain("error SLV2001 main:3");
    },
  );
});

describe("grants", () => {
  const found = (owner: string, text: string) =>
    load({ a: team(owner, `name: r, ${text}`) }).problems.map(({ code, path }) => `${code} ${path.slice(3).join(".")}`);
  test.each([
    ["pay", "match: { path: /pay, hosts: [a.example] }, to: pay"],
    ["pay", "match: { path: '/pay/{x}/*', hosts: [A.example] }, to: 'https://psp.example'"],
    ["pay", "match: { path: { regex: '/pay/(a|b)' }, hosts: [a.example] }, to: pay"],
    ["mail", "match: { path: '/m/{a:x+}/b' }, to: pay"],
    ["mail", "match: { path: '/m/7/*' }, to: 'http://u'"],
  ])("%s may %s", (owner, text) => expect(found(owner, text)).toEqual([]));
  const host = "hosts: [a.example]";
  test.each([
    ["pay", "match: { path: /payx, hosts: [a.example] }, to: pay", "SLV3085 match.path"],
    ["pay", `match: { path: '/{p}/x', ${host} }, to: pay`, "SLV3085 match.path"],
    ["pay", `match: { path: /*, ${host} }, to: pay`, "SLV3085 match.path"],
    ["pay", `match: { path: { regex: '/pay/x|/admin' }, ${host} }, to: pay`, "SLV3085 match.path"],
    ["pay", `match: { path: { regex: '/pay.*' }, ${host} }, to: pay`, "SLV3085 match.path"],
    ["mail", "match: { path: /mail/x }, to: mail", "SLV3085 match.path"],
    ["mail", "match: { path: /mail/* }, to: mail", "SLV3085 match.path"],
    ["pay", "match: { path: /pay }, to: pay", "SLV3085 match"],
    ["pay", "match: { path: /pay, hosts: [b.example] }, to: pay", "SLV3085 match.hosts.0"],
    ["pay", `match: { path: /pay, ${host} }, to: mail`, "SLV3085 to"],
    ["pay", `match: { path: /pay, ${host} }, to: 'https://psp.example.evil'`, "SLV3085 to"],
    ["pay", `match: { path: /pay, ${host} }, aggregate: { a: { get: 'mail:/x' } }`, "SLV3085 aggregate.a.get"],
    ["pay", `match: { path: /pay, ${host} }, aggregate: { a: { post: 'mail:/x' } }`, "SLV3085 aggregate.a.post"],
    ["pay", `match: { path: /pay, ${host} }, to: pay, mirror: [{ to: mail, percent: 1 }]`, "SLV3085 mirror.0.to"],
    [
      "mail",
      "match: { path: /mail }, to: mail, transform: { request: { headers: { set: { a: '${secret:PSP}' } } } }",
      "SLV3085 transform.request.headers.set.a",
    ],
  ])("%s may not %s", (owner, text, problem) => expect(found(owner, text)).toContain(problem));
  test("an owner has something of its own", () => {
    const main = MAIN.replace(/pay: \{ paths.*/, "pay: { to: [pay] }");
    expect(said(load({ a: team("pay", GOOD) }, false, main))).toEqual(["error SLV2001 main:5"]);
  });
  test("a document whose files were not read is refused", () => {
    const { problems } = checkDocument({
      selvage: 1,
      name: "x",
      include: "a.yaml",
      gateway: { hosts: ["a"], routes: [] },
    });
    expect(problems.map(({ code }) => code)).toEqual(["SLV3082"]);
  });
});

describe("quarantine", () => {
  const quarantined = (files: Record<string, string>, main = MAIN) => {
    const { document, quarantined: broken, problems } = load(files, true, main);
    const routes = document?.gateway?.routes.map(({ name, quarantine }) =>
      quarantine === undefined ? name : `!${name}`,
    );
    return { routes, broken: broken.map(({ name, answered }) => [name, answered]), count: problems.length };
  };
  test("a broken route is out of service, the rest serves", () => {
    const broken = "name: bad, match: { path: /pay/y, hosts: [a.example] }, to: pya";
    expect(quarantined({ a: team("pay", broken, GOOD) })).toEqual({
      routes: ["home", "!bad", "pay"],
      broken: [["bad", true]],
      count: 2,
    });
    const { document } = load({ a: team("pay", broken, GOOD) }, true);
    expect(document?.gateway?.routes[1]).toMatchObject({
      owner: "pay",
      quarantine: expect.stringMatching(/^SLV3\d+: /),
    });
    expect(load({ a: team("pay", broken, GOOD) }).document).toBeUndefined();
  });
  test.each<[string, Record<string, string>, [string | undefined, boolean]]>([
    ["without a target", { a: team("mail", "name: bad, match: { path: /mail }") }, ["bad", true]],
    ["with an unknown key", { a: team("mail", "name: bad, match: { path: /mail }, to: mail, x: 1") }, ["bad", true]],
    ["whose match cannot be read", { a: team("mail", "name: bad, match: { path: mail }, to: mail") }, ["bad", false]],
    ["that is not theirs", { a: team("mail", "name: bad, match: { path: / }, to: mail") }, ["bad", false]],
    ["whose name is taken", { a: team("mail", "name: home, match: { path: /mail }, to: mail") }, ["home", false]],
    ["of nobody", { a: team("mial", "name: bad, match: { path: /mail }, to: mail") }, ["bad", false]],
    ["without a name", { a: team("mail", "match: { path: /mail }, to: mail") }, [undefined, false]],
    ["in a file that is none", { a: "owner: [" }, [undefined, false]],
    ["in a file of no owner", { a: team("''", "name: bad, match: { path: /mail }, to: mail") }, [undefined, false]],
    ["that is no route", { a: "owner: mail\nroutes: [1]\n" }, [undefined, false]],
  ])("one %s", (_, files, one) => {
    const { routes, broken } = quarantined({ ...files, z: team("pay", GOOD) });
    expect(broken).toEqual([one]);
    expect(routes).toEqual(["home", ...(one[1] ? ["!bad"] : []), "pay"]);
  });
  test("what belongs to no owner refuses all", () => {
    expect(quarantined({ a: team("pay", GOOD) }, MAIN.replace("to: pay }", "to: nobody }")).routes).toBeUndefined();
    expect(quarantined({}).routes).toBeUndefined();
  });
});
