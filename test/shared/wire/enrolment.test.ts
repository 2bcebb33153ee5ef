import { describe, expect, test } from "vitest";
import { macInput } from "../../../shared/wire/enrolment.ts";

const request = { id: "id", csr: "csr", instance: "orders-1" };
const answer = {
  service: "orders",
  trustDomain: "test.internal",
  certificates: ["leaf", "issuer"],
  roots: ["root"],
  token: "token",
};

describe("nothing of an enrolment can be exchanged on its way", () => {
  test.each([{ id: "other" }, { csr: "other" }, { instance: "other" }])("the request with %j", (change) => {
    expect(macInput.request({ ...request, ...change })).not.toBe(macInput.request(request));
  });

  test.each([
    { service: "other" },
    { trustDomain: "other" },
    { token: "other" },
    { roots: ["other"] },
    { certificates: ["leaf"], roots: ["issuer", "root"] },
    { certificates: ["leaf\nissuer"] },
  ])("the answer with %j", (change) => {
    expect(macInput.answer(request, { ...answer, ...change })).not.toBe(macInput.answer(request, answer));
  });

  test("the answer to another request", () => {
    expect(macInput.answer({ ...request, instance: "other" }, answer)).not.toBe(macInput.answer(request, answer));
    expect(macInput.answer({ ...request, id: "other" }, answer)).not.toBe(macInput.answer(request, answer));
  });
});
