import { describe, expect, test } from "vitest";
import { parseWorkerDefinition } from "../../../cli/local/wrangler-config.ts";

const MINIMAL = `name = "probe"\nmain = "src/index.ts"\ncompatibility_date = "2026-11-02"\n`;

function parse(more = "", from = MINIMAL) {
  return parseWorkerDefinition(from + more, "/project/wrangler.toml");
}

describe("parseWorkerDefinition", () => {
  test("reads what workerd can honour, with absolute paths", () => {
    const worker = parse(`compatibility_flags = ["enable_request_signal"]
[vars]
URL = "http://a"
NUMBER = 3
[[durable_objects.bindings]]
name = "COUNTER"
class_name = "Counter"
[[durable_objects.bindings]]
name = "OLD"
class_name = "Old"
[[migrations]]
tag = "v1"
new_sqlite_classes = ["First"]
new_classes = ["Old"]
[[migrations]]
tag = "v2"
renamed_classes = [{ from = "First", to = "Counter" }]
[[services]]
binding = "CONTROL"
service = "control"
[[services]]
binding = "KEYS"
service = "gateway"
entrypoint = "KeyAdmin"
[secrets]
required = ["KEY"]
`);
    expect(worker).toEqual({
      configFile: "/project/wrangler.toml",
      name: "probe",
      main: "/project/src/index.ts",
      compatibilityDate: "2026-11-02",
      compatibilityFlags: ["enable_request_signal"],
      vars: { URL: "http://a", NUMBER: 3 },
      durableObjects: [
        { binding: "COUNTER", className: "Counter", sqlite: true },
        { binding: "OLD", className: "Old", sqlite: false },
      ],
      services: [
        { binding: "CONTROL", service: "control" },
        { binding: "KEYS", service: "gateway", entrypoint: "KeyAdmin" },
      ],
      requiredSecrets: ["KEY"],
      define: {},
      alias: {},
    });
  });

  test("passes over what is for a deployment alone", () => {
    expect(() =>
      parse(
        `workers_dev = true\nroutes = ["a.example/*"]\n[observability]\nenabled = true\n[[analytics_engine_datasets]]\nbinding = "USAGE"\n`,
      ),
    ).not.toThrow();
  });

  test("names every key that cannot be honoured, in one error", () => {
    const bad = `[[kv_namespaces]]\nbinding = "KV"\nid = "x"\n[[r2_buckets]]\nbinding = "R"\nbucket_name = "b"\n`;
    expect(() => parse(bad)).toThrow(/wrangler\.toml: kv_namespaces: plain workerd.*\n.*wrangler\.toml: r2_buckets:/);
  });

  test("names properties of a service binding as what it cannot honour", () => {
    expect(() => parse(`[[services]]\nbinding = "A"\nservice = "b"\nprops = { a = 1 }\n`)).toThrow(
      /services\.0\.props: plain workerd cannot honour/,
    );
  });

  test("refuses the Durable Objects of another Worker, which is another process", () => {
    const other = `[[durable_objects.bindings]]\nname = "X"\nclass_name = "Y"\nscript_name = "elsewhere"\n`;
    expect(() => parse(other)).toThrow(/X belongs to the Worker elsewhere/);
    expect(() => parse(other.replace("elsewhere", "probe"))).not.toThrow();
  });

  test.each([
    ["no main", `name = "probe"\ncompatibility_date = "2026-11-02"\n`, /main/],
    ["a date that is none", MINIMAL.replace("2026-11-02", "today"), /compatibility_date: expected a date/],
    ["broken TOML", "name = \n", /wrangler\.toml: /],
  ])("refuses %s", (_, text, message) => {
    expect(() => parse("", text)).toThrow(message);
  });
});
