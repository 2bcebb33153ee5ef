import { describe, expect, test } from "vitest";
import { appEnvironment } from "../../../mesh-agent/lifecycle/app-environment.ts";
import { parseHostPort } from "../../../mesh-agent/lifecycle/ports.ts";
import { isLoopback } from "../../../mesh-agent/proxy/loopback.ts";

describe("addresses", () => {
  test.each([
    ["127.0.0.1:80", { host: "127.0.0.1", port: 80 }],
    ["[::1]:0", { host: "::1", port: 0 }],
    ["host.example:65535", { host: "host.example", port: 65535 }],
  ])("%s", (text, expected) => {
    expect(parseHostPort(text)).toEqual(expected);
  });

  test.each(["", "80", ":80", "a:65536", "a:b", "::1:80", "[::1]", "a:80:90"])("%j is none", (text) => {
    expect(() => parseHostPort(text)).toThrow("expected HOST:PORT");
  });

  test("a port may be left out where there is a default", () => {
    expect(parseHostPort("10.0.0.5", 0)).toEqual({ host: "10.0.0.5", port: 0 });
    expect(parseHostPort("[fd00::1]", 7)).toEqual({ host: "fd00::1", port: 7 });
  });

  test("loopback is what no other machine reaches", () => {
    expect(["127.0.0.1", "127.9.9.9", "::1", "localhost"].every(isLoopback)).toBe(true);
    expect(["0.0.0.0", "::", "10.0.0.1", "127.evil.example"].some(isLoopback)).toBe(false);
  });
});

test("an application keeps its own exceptions from the proxy, and calls by https go their own way", () => {
  const env = appEnvironment({ NO_PROXY: "db.internal", SELVAGE_JOIN_TOKEN: "s", HOME: "/h" }, { app: 1, outbound: 2 });
  expect(env).toMatchObject({ PORT: "1", HTTP_PROXY: "http://127.0.0.1:2", HOME: "/h" });
  expect(env.NO_PROXY?.split(",")).toEqual(["db.internal", "localhost", "127.0.0.1", "::1", "*:443"]);
  expect("SELVAGE_JOIN_TOKEN" in env).toBe(false);
});
