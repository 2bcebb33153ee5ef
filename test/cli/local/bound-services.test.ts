import { resolve } from "node:path";
import { expect, test } from "vitest";
import { boundServices } from "../../../cli/local/bound-services.ts";
import { workerdConfig } from "../../../cli/local/workerd-config.ts";
import { readWorkerDefinition } from "../../../cli/local/wrangler-config.ts";

const root = resolve(import.meta.dirname, "../../..");

test("each variable is a binding", () => {
  const environment = { BINDING_PAYMENTS: "127.0.0.1:9000", BINDING_B2: "[::1]:80", HOME: "/", SECRET_X: "s" };
  expect(boundServices(environment)).toEqual({ PAYMENTS: "127.0.0.1:9000", B2: "[::1]:80" });
});

test("everything that is wrong is told at once", () => {
  const environment = {
    BINDING_CONTROL: "a:1",
    BINDING_low: "a:1",
    BINDING_A: "http://a:1",
    BINDING_B: "a:70000",
    BINDING_: "a:1",
  };
  let message = "";
  try {
    boundServices(environment);
  } catch (error) {
    message = String(error);
  }
  for (const name of Object.keys(environment)) expect(message).toContain(`${name}: `);
});

test("workerd binds them beside those of wrangler.toml", () => {
  const text = workerdConfig(readWorkerDefinition(resolve(root, "wrangler.toml")), {
    modules: { folder: "modules", names: ["worker.mjs"] },
    listen: { host: "127.0.0.1", port: 1 },
    objectsFolder: "/tmp",
    vars: {},
    secrets: [],
    services: { CONTROL: "127.0.0.1:2", PAYMENTS: "127.0.0.1:9000" },
  });
  expect(text).toContain('(name = "service:PAYMENTS", external = (address = "127.0.0.1:9000", http = ()))');
  expect(text).toContain('(name = "PAYMENTS", service = "service:PAYMENTS")');
  expect(text.match(/service:CONTROL/g)).toHaveLength(2);
});
