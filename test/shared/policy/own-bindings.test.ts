import { resolve } from "node:path";
import { expect, test } from "vitest";
import { readWorkerDefinition } from "../../../cli/local/wrangler-config.ts";
import { isOwnBinding } from "../../../shared/policy/own-bindings.ts";

const root = resolve(import.meta.dirname, "../../..");

test("every binding of the gateway's wrangler.toml is its own", () => {
  const { durableObjects, services, vars } = readWorkerDefinition(resolve(root, "wrangler.toml"));
  const names = [...durableObjects, ...services].map(({ binding }) => binding).concat(Object.keys(vars));
  expect(names.filter((name) => !isOwnBinding(name))).toEqual([]);
  expect(["SECRET_X", "KEY_PEPPER"].every(isOwnBinding)).toBe(true);
  expect(isOwnBinding("PAYMENTS")).toBe(false);
});
