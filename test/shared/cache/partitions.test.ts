/** Two who ask never get each other's answers, whatever a route and an answer say, but where both say that they may. */
import { describe, expect, test } from "vitest";
import type { CacheSettings } from "../../../shared/cache/settings.ts";
import {
  CacheWorld,
  cacheRequest,
  type OriginAnswer,
  type OriginRequest,
  type Pairs,
} from "../../support/cache-world.ts";

/** Every combination of one value of each. */
function* combinations<T extends Record<string, readonly unknown[]>>(
  options: T,
): Generator<{ [name in keyof T]: T[name][number] }> {
  const names = Object.keys(options) as (keyof T)[];
  const counts = names.map((name) => (options[name] as readonly unknown[]).length);
  const total = counts.reduce((product, count) => product * count, 1);
  for (let index = 0; index < total; index++) {
    let rest = index;
    const chosen: Partial<Record<keyof T, unknown>> = {};
    names.forEach((name, at) => {
      const count = counts[at] ?? 1;
      chosen[name] = (options[name] as readonly unknown[])[rest % count];
      rest = Math.floor(rest / count);
    });
    yield chosen as { [name in keyof T]: T[name][number] };
  }
}

const routeOptions = {
  ttlMs: [undefined, 60_000],
  override: [undefined, true],
  errorTtlMs: [undefined, { "404": 60_000 }],
  stale: [undefined, 60_000],
  query: [undefined, { only: [], sort: true }],
  keyFields: [undefined, ["x-canary", "cookie"]],
  shared: [undefined, true],
  ignoreCookies: [undefined, true],
  named: [undefined, { tags: ["orders"], ownFields: ["x-user"] }],
  ignoreClient: [undefined, true],
} as const;

/** Without those that are undefined, as a plan has them. */
function settingsOf({ stale, named, ...options }: Record<keyof typeof routeOptions, unknown>): CacheSettings {
  const all = {
    ...options,
    ...(named ?? {}),
    ...(stale !== undefined && { staleWhileRevalidateMs: stale, staleIfErrorMs: stale }),
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

const controls = [
  "",
  "max-age=50",
  "public, max-age=50",
  "public",
  "s-maxage=50",
  "max-age=50, must-revalidate",
  "max-age=50, stale-while-revalidate=60, stale-if-error=60",
  "no-cache",
  "private, max-age=50",
  "private, public, s-maxage=50",
  "no-store",
] as const;
const isForAll = (control: string): boolean => /public|s-maxage/.test(control) && !/private|no-store/.test(control);

type Changes = Parameters<typeof cacheRequest>[0];
type Whom = (who: string) => Changes;

/** Answers that name whom they are for, under one entity tag for all, which is the worst that an origin can do. */
function answerOf(asked: OriginRequest, who: string, status: number, fields: Pairs): OriginAnswer {
  const named: Pairs = [
    ...fields,
    ["etag", '"same"'],
    ["last-modified", "Thu, 01 Jan 2026 00:00:00 GMT"],
    ["x-user", who],
  ];
  if (asked.fields.get("if-none-match") !== null) return { status: 304, fields: named, body: "" };
  return { status, fields: named, body: `for ${who}` };
}

/** Lets alice, bob and nobody ask in all ways, and says who got something of another one. */
function leaks(settings: CacheSettings, status: number, fields: Pairs, whom: Whom): string[] {
  let fails: "no" | "error" | "unreachable" = "no";
  let asking = "";
  const world = new CacheWorld((asked) => {
    if (fails === "unreachable") return "unreachable";
    return fails === "error" ? { status: 503, fields: [], body: "" } : answerOf(asked, asking, status, fields);
  }, settings);
  const found: string[] = [];
  const ask = (who: string, changes: Changes = {}): void => {
    asking = who;
    const own = whom(who);
    const request = cacheRequest({ ...own, ...changes, fields: [...(own?.fields ?? []), ...(changes.fields ?? [])] });
    const { body, fields: got, status: answered } = world.send(request);
    const text = `${body}${got.filter(([name]) => name === "x-user").map(([, value]) => ` for ${value}`)}`;
    for (const other of ["alice", "bob", "nobody"])
      if (other !== who && text.includes(`for ${other}`)) found.push(`${who} got ${answered} ${text}`);
  };
  const ways: Changes[] = [
    {},
    { method: "HEAD" },
    { fields: [["range", "bytes=0-4"]] },
    { fields: [["if-none-match", '"same"']] },
    { fields: [["cache-control", "max-stale, only-if-cached"]] },
  ];
  ask("alice");
  for (const way of ways) ask("bob", way);
  ask("nobody");
  world.nowMs += 70_000;
  for (fails of ["error", "unreachable"] as const) for (const who of ["bob", "nobody", "alice"]) ask(who);
  fails = "no";
  ask("bob", { fields: [["cache-control", "no-cache"]] });
  for (const who of ["alice", "nobody", "bob"]) ask(who);
  return found;
}

const byIdentity: Whom = (who) => ({ partition: who === "nobody" ? "" : who });

describe("two identities", () => {
  test("never share an answer, over all options of a route, but where route and answer say so", () => {
    let shares = 0;
    for (const options of combinations(routeOptions))
      for (const control of controls)
        for (const status of [200, 404]) {
          const settings = settingsOf(options);
          const mayShare = settings.shared === true && isForAll(control);
          const found = leaks(settings, status, [["cache-control", control]], byIdentity);
          if (mayShare) shares += found.length > 0 ? 1 : 0;
          else if (found.length > 0) expect.unreachable(JSON.stringify({ settings, control, status, found }));
        }
    expect(shares).toBeGreaterThan(0);
  });

  test("nor by other fields of an answer", () => {
    const options = {
      ...routeOptions,
      named: [undefined],
      query: [undefined],
      errorTtlMs: [undefined],
      ignoreClient: [undefined],
    };
    for (const chosen of combinations(options))
      for (const control of controls)
        for (const targeted of ["cdn-cache-control", "selvage-cache-control"])
          for (const more of [
            ["set-cookie", "a=b"],
            ["vary", "x-user"],
            ["expires", "Mon, 23 Nov 2026 00:00:00 GMT"],
          ] as const) {
            const settings = settingsOf(chosen);
            const mayShare = settings.shared === true && isForAll(control);
            const found = leaks(settings, 200, [["cache-control", "public"], [targeted, control], more], byIdentity);
            // An empty targeted field is as none.
            if (!mayShare && control !== "" && found.length > 0)
              expect.unreachable(JSON.stringify({ settings, control, targeted, more, found }));
          }
  });

  test("share what both say is for all", () => {
    const found = leaks({ shared: true }, 200, [["cache-control", "public, max-age=50"]], byIdentity);
    expect(found).toContain("bob got 200 for alice for alice");
    expect(found).toContain("nobody got 200 for alice for alice");
  });
});

describe("two clients of a public route", () => {
  const byAuthorization: Whom = (who) =>
    who === "nobody" ? {} : { authorized: true, fields: [["authorization", who]] };
  const byCookie: Whom = (who) => (who === "nobody" ? {} : { fields: [["cookie", `session=${who}`]] });

  test("RFC 9111 section 3.5: their Authorization keeps answers apart, unless these say otherwise", () => {
    for (const options of combinations(routeOptions))
      for (const control of controls) {
        const settings = settingsOf(options);
        if (isForAll(control) || control.includes("must-revalidate")) continue;
        const found = leaks(settings, 200, [["cache-control", control]], byAuthorization).filter(
          (text) => !text.includes("for nobody"),
        );
        if (found.length > 0) expect.unreachable(JSON.stringify({ settings, control, found }));
      }
  });

  test("their cookies keep answers apart that do not say that they may be stored", () => {
    for (const options of combinations({ ...routeOptions, ignoreCookies: [undefined] }))
      for (const control of ["", "no-cache", "private, max-age=50", "no-store"]) {
        const settings = settingsOf(options);
        const found = leaks(settings, 200, [["cache-control", control]], byCookie).filter(
          (text) => !text.includes("for nobody"),
        );
        if (found.length > 0) expect.unreachable(JSON.stringify({ settings, control, found }));
      }
  });
});
