import { describe, expect, test } from "vitest";
import { judgeUpgrade } from "../../../shared/policy/edge-upgrade.ts";
import type { CorsSettings } from "../../../shared/policy/settings.ts";

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const cors = (more: Partial<CorsSettings>): CorsSettings => ({
  origins: ["https://app.example"],
  methods: ["GET"],
  allowHeaders: [],
  exposeHeaders: [],
  credentials: false,
  maxAgeMs: 0,
  ...more,
});

function judge(
  { offered = "websocket", method = "GET", ...fields }: Record<string, string>,
  upgrades: readonly string[] | undefined = ["websocket"],
  settings?: CorsSettings,
): string | undefined {
  const all: Record<string, string> = { "sec-websocket-key": KEY, "sec-websocket-version": "13", ...fields };
  const request = { offered, method, field: (name: string) => all[name], ownOrigin: "https://api.example" };
  const verdict = judgeUpgrade(request, upgrades, settings);
  return verdict === undefined || "protocol" in verdict ? verdict?.protocol : verdict.refused.code;
}

describe("a route", () => {
  test.each<[string, string, readonly string[] | undefined, string | undefined]>([
    ["that takes it", "websocket", ["websocket"], "websocket"],
    ["that takes it, by another case and among others", "h2c, WebSocket", ["websocket"], "websocket"],
    ["that says nothing takes none", "websocket", undefined, "not_implemented"],
    ["of none", "websocket", [], "not_implemented"],
    ["passes over what is no WebSocket", "h2c", ["websocket"], undefined],
  ])("%s", (_what, offered, upgrades, verdict) => {
    expect(judgeUpgrade({ offered, method: "GET", field: fieldsOf({}), ownOrigin: "" }, upgrades, undefined)).toEqual(
      verdict === undefined
        ? undefined
        : verdict === "websocket"
          ? { protocol: verdict }
          : { refused: { code: verdict, reason: expect.any(String) } },
    );
  });

  const fieldsOf = (more: Record<string, string>) => (name: string) =>
    ({ "sec-websocket-key": KEY, "sec-websocket-version": "13", ...more })[name];
});

describe("a handshake", () => {
  test.each<[string, Record<string, string>, string]>([
    ["by POST", { method: "POST" }, "bad_request"],
    ["without a key", { "sec-websocket-key": "" }, "bad_request"],
    ["with a key of 15 bytes", { "sec-websocket-key": "dGhlIHNhbXBsZSBub24" }, "bad_request"],
    ["with two keys", { "sec-websocket-key": `${KEY}, ${KEY}` }, "bad_request"],
    ["of version 8", { "sec-websocket-version": "8" }, "websocket_version"],
    ["of two versions", { "sec-websocket-version": "13, 8" }, "websocket_version"],
  ])("%s is refused", (_what, fields, code) => {
    expect(judge(fields)).toBe(code);
  });
});

describe("a page", () => {
  const app = { origin: "https://app.example" };
  test.each<[string, Record<string, string>, CorsSettings | undefined, string]>([
    ["none: a program", {}, undefined, "websocket"],
    ["of the gateway itself", { origin: "https://api.example", cookie: "a=b" }, undefined, "websocket"],
    ["of another site", app, undefined, "origin_not_allowed"],
    ["of another site that is named", app, cors({}), "websocket"],
    ["of another site that is named, with cookies", { ...app, cookie: "a=b" }, cors({}), "origin_not_allowed"],
    ["that is named with its cookies", { ...app, cookie: "a=b" }, cors({ credentials: true }), "websocket"],
    ["of any site", app, cors({ origins: ["*"] }), "websocket"],
    ["of any site, with cookies", { ...app, cookie: "a=b" }, cors({ origins: ["*"] }), "origin_not_allowed"],
    ["of a site that is not named", { origin: "https://app.example.evil" }, cors({}), "origin_not_allowed"],
    ["of no site", { origin: "null" }, cors({}), "origin_not_allowed"],
  ])("%s", (_what, fields, settings, verdict) => {
    expect(judge(fields, ["websocket"], settings)).toBe(verdict);
  });
});
