import { describe, expect, test } from "vitest";
import type { ContractOperation } from "../../../shared/contract/contract.ts";
import { findOperation, indexOperations, pathBehind } from "../../../shared/contract/operation-index.ts";

const operation = (method: string, path: string): ContractOperation => ({
  ...{ id: `${method} ${path}`, method, path, parameters: [], responses: {} },
});

const index = indexOperations({
  operations: [
    operation("GET", "/pets/{id}"),
    operation("DELETE", "/pets/{id}"),
    operation("GET", "/pets/mine"),
    operation("GET", "/pets/{owner}/toys/{toy}"),
    operation("POST", "/pets/mine/photos"),
    operation("GET", "/pets/{id}.json"),
    operation("GET", "/files/report-{year}-{month}.csv"),
    operation("HEAD", "/files/{name}"),
    operation("GET", "/pets/{id}:sell"),
    operation("GET", "/caf%C3%A9/{id}"),
    operation("GET", "/"),
    operation("GET", "/slash/"),
  ],
});

test.each([
  ["GET", "/pets/7", "GET /pets/{id}", { id: "7" }],
  ["GET", "/pets/mine", "GET /pets/mine", {}],
  ["GET", "/pets/mine/toys/ball", "GET /pets/{owner}/toys/{toy}", { owner: "mine", toy: "ball" }],
  ["GET", "/pets/7.json", "GET /pets/{id}.json", { id: "7" }],
  ["GET", "/files/report-2026-11.csv", "GET /files/report-{year}-{month}.csv", { year: "2026", month: "11" }],
  ["HEAD", "/files/report-2026.csv", "HEAD /files/{name}", { name: "report-2026.csv" }],
  ["HEAD", "/pets/7", "GET /pets/{id}", { id: "7" }],
  ["GET", "/caf%C3%A9/%41", "GET /caf%C3%A9/{id}", { id: "%41" }],
  ["GET", "/pets/7:sell", "GET /pets/{id}:sell", { id: "7" }],
  ["GET", "/pets/7%3Asell", "GET /pets/{id}:sell", { id: "7" }],
  ["GET", "/pets/%253A%2C:sell", "GET /pets/{id}:sell", { id: "%253A%2C" }],
  ["GET", "/", "GET /", {}],
  ["GET", "/slash/", "GET /slash/", {}],
])("%s %s is %s", (method, path, id, values) => {
  const found = findOperation(index, method, path);
  if (found.kind !== "found") throw new Error(found.kind);
  expect([found.operation.id, Object.fromEntries(found.path)]).toEqual([id, values]);
});

test.each(["/pets", "/pets/", "/pets/7/", "/slash", "/pets/7/toys/", "/constructor", "/__proto__"])(
  "%s is no path of it",
  (path) => expect(findOperation(index, "GET", path)).toEqual({ kind: "no-path" }),
);

describe("a method that the path has not", () => {
  test("is told with those that it has", () => {
    expect(findOperation(index, "PUT", "/pets/7")).toEqual({ kind: "no-method", allow: ["GET", "DELETE", "HEAD"] });
  });

  test("is not looked for at a path that says less", () => {
    expect(findOperation(index, "DELETE", "/pets/mine")).toEqual({ kind: "no-method", allow: ["GET", "HEAD"] });
  });
});

test("what finding one of thousands takes is a walk of its segments", () => {
  const many = Array.from({ length: 5_000 }, (_, at) => operation("GET", `/things-${at}/{id}/parts/{part}`));
  const found = findOperation(indexOperations({ operations: many }), "GET", "/things-4999/a/parts/b");
  expect(found).toMatchObject({ kind: "found", operation: { path: "/things-4999/{id}/parts/{part}" } });
});

test("the base path ends at the border of a segment", () => {
  expect(pathBehind("/v1", "/v1/pets")).toBe("/pets");
  expect(pathBehind("/v1", "/v1")).toBe("/");
  expect(pathBehind("/v1", "/v10/pets")).toBeUndefined();
  expect(pathBehind("", "/pets")).toBe("/pets");
});
