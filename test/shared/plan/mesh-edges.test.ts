import { expect, test } from "vitest";
import { checkDocument } from "../../../shared/config/check-document.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { meshEdges } from "../../../shared/plan/mesh-edges.ts";

function edges(services: object, routes: object[] = []) {
  const { document } = checkDocument({
    selvage: 1,
    name: "t",
    gateway: { hosts: ["h"], routes },
    mesh: { trustDomain: "t.internal", services },
  });
  if (document === undefined) throw new Error("the document is not valid");
  return meshEdges(compile(document)).map(({ from, to, verdict, asks, routes: by }) => [from, to, verdict, asks, by]);
}
const route = (name: string, to: string) => ({ name, match: { path: `/${name}` }, to });

test("each rule is an edge, with what it asks and the routes by which the gateway comes", () => {
  const access = [
    { from: "gateway", methods: ["GET"], paths: ["/a/*"], scopes: ["s"] },
    { from: "b", mode: "shadow" },
  ];
  expect(edges({ a: { port: 1, access }, b: { port: 1, access: [] } }, [route("r", "a")])).toEqual([
    ["gateway", "a", "allowed", ["GET", "/a/*", "scopes s"], ["r"]],
    ["b", "a", "shadow", [], []],
  ]);
});

test("without `access` any workload; a route that nothing lets in is denied", () => {
  expect(
    edges({ a: { port: 1 }, b: { port: 1, access: [{ from: "a" }] } }, [route("r", "a"), route("q", "b")]),
  ).toEqual([
    ["*", "a", "allowed", ["no `access`: any workload"], ["r"]],
    ["a", "b", "allowed", [], []],
    ["gateway", "b", "denied", [], ["q"]],
  ]);
});
