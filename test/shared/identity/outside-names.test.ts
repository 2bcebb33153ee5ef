import { expect, test } from "vitest";
import { isUnbound, meshIdOf, outsideService, refuseTemplate } from "../../../shared/identity/outside-names.ts";

const id = "spiffe://shop.internal/ns/*/sa/{service}";
const gateway = "spiffe://shop.internal/ns/edge/sa/ingress";

test("a template says where the name of the service stands, and is of the mesh's trust domain", () => {
  for (const good of [id, "spiffe://shop.internal/{service}", "spiffe://shop.internal/ns/prod/sa/{service}/v1"])
    expect(refuseTemplate(good, "shop.internal")).toBeUndefined();
  const bad: Record<string, RegExp> = {
    "https://shop.internal/{service}": /begin with spiffe/,
    "spiffe://shop.internal": /begin with spiffe/,
    "spiffe://Shop.internal/{service}": /begin with spiffe/,
    "spiffe://shop.internal/ns/prod": /hold \{service\} once/,
    "spiffe://shop.internal/{service}/{service}": /hold \{service\} once/,
    "spiffe://shop.internal/sa-{service}": /segment "sa-\{service\}"/,
    "spiffe://shop.internal//{service}": /segment ""/,
    "spiffe://shop.internal/../{service}": /segment "\.\."/,
    "spiffe://shop.internal/n%20s/{service}": /segment "n%20s"/,
    "spiffe://partner.example/ns/*/sa/{service}": /of the trust domain partner\.example/,
  };
  for (const [text, reason] of Object.entries(bad)) expect(refuseTemplate(text, "shop.internal"), text).toMatch(reason);
  expect([id, "spiffe://shop.internal/*/{service}", "spiffe://shop.internal/{service}"].map(isUnbound)).toEqual([
    false,
    true,
    true,
  ]);
});

test("SPIFFE IDs are services byte by byte, and the gateway by its whole ID alone", () => {
  const table: Record<string, string | undefined> = {
    "spiffe://shop.internal/ns/prod/sa/orders": "orders",
    "spiffe://shop.internal/ns/edge/sa/ingress": "gateway",
    "spiffe://shop.internal/ns/prod/sa/ingress": "ingress",
    "spiffe://shop.internal/ns/prod/sa/gateway": undefined,
    "spiffe://shop.internal/ns/prod/sa/Orders": undefined,
    "spiffe://shop.internal/ns/prod/sa/a_b": undefined,
    "spiffe://shop.internal/ns/prod/sa/orders/": undefined,
    "spiffe://shop.internal/ns//sa/orders": undefined,
    "spiffe://shop.internal/ns/../sa/orders": undefined,
    "spiffe://shop.internal/ns/prod/other/orders": undefined,
    "spiffe://shop.internal/service/orders": undefined,
    "spiffe://partner.example/ns/prod/sa/orders": undefined,
    orders: undefined,
  };
  for (const [given, service] of Object.entries(table))
    expect(outsideService({ id, gateway }, given), given).toBe(service);
  expect(outsideService({ id }, gateway)).toBe("ingress");
});

test("who is not named by it keeps the ID of its certificate", () => {
  expect(meshIdOf({ id }, "spiffe://shop.internal/ns/prod/sa/orders")).toBe("spiffe://shop.internal/service/orders");
  for (const same of ["spiffe://shop.internal/service/web", "spiffe://partner.example/ns/prod/sa/orders"])
    expect(meshIdOf({ id }, same)).toBe(same);
  expect(meshIdOf(undefined, "spiffe://shop.internal/ns/prod/sa/orders")).toMatch(/ns\/prod/);
});
