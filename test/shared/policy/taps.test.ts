/** Taps without sockets: filters, redaction, the rate bound, joining by trace, and leases. */
import { describe, expect, test } from "vitest";
import type { AccessLogEntry } from "../../../shared/http/access-log.ts";
import { limits } from "../../../shared/limits.ts";
import {
  openTap,
  readTap,
  reportTaps,
  type TapDesk,
  type TapRecord,
  toldTaps,
} from "../../../shared/policy/tap-desk.ts";
import { hideValues, shownHeaders, tapEntry } from "../../../shared/policy/tap-entry.ts";
import { compileTapFilter, parseStatuses, type TapFilter } from "../../../shared/policy/tap-filter.ts";
import {
  endTaps,
  lostReports,
  seeRequest,
  type TapSource,
  type ToldTap,
  takeAnswer,
  takeReports,
  tellTaps,
} from "../../../shared/policy/tap-source.ts";

const entry = (more: Partial<AccessLogEntry> = {}): AccessLogEntry => ({
  ...{ time: "2026-07-01T12:00:00.000Z", kind: "access", hop: "gateway", service: "gateway", instance: "a" },
  ...{ traceId: "t1", spanId: "s1", method: "GET", host: "shop", path: "/orders/42", status: 200 },
  ...{ durationMs: 20, plan: 1, route: "orders", peer: "orders", sub: "alice" },
  ...more,
});
const gateway: TapFilter = { hops: ["gateway"] };
const detail = () => ({ query: "page=2&token=abc", headers: [["X-Api-Key", "k"]] as [string, string][] });
const told = (more: Partial<ToldTap> = {}): ToldTap => ({
  ...{ id: "1", filter: gateway, perSecond: 10, leaseMs: 1_000, joined: false, reveal: false },
  ...more,
});
function source(...taps: ToldTap[]): TapSource {
  const made: TapSource = { taps: [] };
  tellTaps(made, taps, 0);
  return made;
}

describe("a filter", () => {
  test.each<[string, Partial<TapFilter>, Partial<AccessLogEntry>, boolean]>([
    ["nothing but the hop", {}, {}, true],
    ["another hop", {}, { hop: "inbound" }, false],
    ["the route", { routes: ["users", "orders"] }, {}, true],
    ["another route", { routes: ["users"] }, {}, false],
    ["no route", { routes: ["users"] }, { route: undefined as never }, false],
    ["the called service", { services: ["orders"] }, {}, true],
    [
      "at the service, who calls is not asked",
      { hops: ["inbound"], services: ["orders"] },
      { hop: "inbound", service: "inventory" },
      false,
    ],
    [
      "at the service itself",
      { hops: ["inbound"], services: ["inventory"] },
      { hop: "inbound", service: "inventory" },
      true,
    ],
    ["the method", { methods: ["POST"] }, {}, false],
    ["a status class", { statuses: [{ from: 400, to: 499 }] }, { status: 429 }, true],
    ["another", { statuses: [{ from: 400, to: 499 }] }, { status: 500 }, false],
    ["the identity", { identities: ["bob", "alice"] }, {}, true],
    ["nobody", { identities: ["bob"] }, { sub: undefined as never }, false],
    ["the path's beginning", { pathPrefix: "/orders" }, {}, true],
    ["another path", { pathPrefix: "/users" }, {}, false],
    ["the time it took", { minLatencyMs: 20 }, {}, true],
    ["faster", { minLatencyMs: 20.1 }, {}, false],
    ["all of them at once", { routes: ["orders"], methods: ["GET"], pathPrefix: "/x" }, {}, false],
  ])("%s", (_, filter, request, passes) => {
    expect(compileTapFilter({ ...gateway, ...filter })(entry(request))).toBe(passes);
  });

  test.each([
    [
      "4xx,503",
      [
        { from: 400, to: 499 },
        { from: 503, to: 503 },
      ],
    ],
    ["500-502", [{ from: 500, to: 502 }]],
    ["502-500", undefined],
    ["6xx", undefined],
    ["", undefined],
    ["404,", undefined],
  ])("statuses %s", (text, ranges) => expect(parseStatuses(text)).toEqual(ranges));
});

describe("what may be secret", () => {
  test.each([
    ["", ""],
    ["page=2&token=abc", "page=…&token=…"],
    ["abc", "…"],
    ["=abc&a=b=c", "=…&a=…"],
  ])("values of the query %j are hidden", (query, shown) => expect(hideValues(query)).toBe(shown));

  test("headers are not there unless they are revealed, and credentials never are", () => {
    expect(tapEntry(entry(), detail(), false)).not.toHaveProperty("headers");
    const names = ["Authorization", "Cookie", "X-Api-Key", "X-Auth-Token", "DPoP", "Signature", "Client-Cert"];
    const headers = [...names.map((name): [string, string] => [name, "s"]), ["Accept", "a"], ["accept", "b"]] as const;
    const shown = shownHeaders([...headers, ["__proto__", "c"]]);
    for (const name of names) expect(shown[name.toLowerCase()]).toBe("…");
    expect(shown.accept).toBe("a, b");
    expect(Object.getPrototypeOf(shown)).toBe(Object.prototype);
  });
});

describe("a source", () => {
  test("shows no more than the rate, counts the others, and counts what it saw", () => {
    const one = source(told());
    for (let count = 0; count < 30; count++) seeRequest(one, entry(), detail, 0);
    for (let count = 0; count < 30; count++) seeRequest(one, entry(), detail, 500);
    seeRequest(one, entry({ hop: "inbound" }), detail, 500);
    const [report] = takeReports(one);
    expect([report?.entries.length, report?.dropped, report?.seen]).toEqual([15, 45, 60]);
    expect(takeReports(one)[0]).toMatchObject({ entries: [], dropped: 0, seen: 0 });
  });

  test("ends by itself, and earlier when the control plane does not name it any more", () => {
    const one = source(told());
    expect(endTaps(one, 999)).toBe(true);
    tellTaps(one, [told()], 999);
    expect(endTaps(one, 1_998)).toBe(true);
    seeRequest(one, entry(), detail, 1_999);
    expect(takeReports(one)[0]?.seen).toBe(0);
    expect(endTaps(one, 1_999)).toBe(false);
    const other = source(told());
    takeAnswer(other, { taps: [] }, 1);
    expect(other.taps).toEqual([]);
  });

  test("hands over other hops of a trace that is shown elsewhere, before and after it is asked", () => {
    const one = source(told({ joined: true }));
    const hop = (traceId: string): AccessLogEntry => entry({ hop: "inbound", service: "orders", traceId });
    for (const trace of ["t1", "t2"]) seeRequest(one, hop(trace), detail, 0);
    expect(takeReports(one)[0]?.entries).toEqual([]);
    takeAnswer(one, { taps: [{ id: "1", leaseMs: 1_000, traces: ["t1"] }] }, 0);
    for (const trace of ["t1", "t3"]) seeRequest(one, hop(trace), detail, 0);
    expect(takeReports(one)[0]?.entries.map(({ traceId }) => traceId)).toEqual(["t1", "t1"]);
    takeAnswer(one, { taps: [{ id: "1", leaseMs: 1_000, traces: ["t1", "t3"] }] }, 0);
    expect(takeReports(one)[0]?.entries.map(({ traceId }) => traceId)).toEqual(["t3"]);
  });

  test("keeps the youngest of what did not match, and no more than its bound", () => {
    const one = source(told({ joined: true }));
    for (let at = 0; at < limits.taps.ringMax + 10; at++)
      seeRequest(one, entry({ hop: "inbound", traceId: `t${at}` }), detail, 0);
    const traces = ["t9", "t10", `t${limits.taps.ringMax + 9}`];
    takeAnswer(one, { taps: [{ id: "1", leaseMs: 1_000, traces }] }, 0);
    expect(takeReports(one)[0]?.entries.map(({ traceId }) => traceId)).toEqual(traces.slice(1));
  });

  test("counts as dropped what did not arrive", () => {
    const one = source(told());
    seeRequest(one, entry(), detail, 0);
    lostReports(one, takeReports(one));
    expect(takeReports(one)[0]).toMatchObject({ seen: 1, dropped: 1, entries: [] });
  });
});

describe("the control plane", () => {
  const record = (more: Partial<TapRecord> = {}): TapRecord => ({
    ...{ id: "1", by: "ann", filter: gateway, perSecond: 10, joined: true, reveal: false },
    ...{ endsAtMs: 60_000, leaseEndsAtMs: limits.taps.leaseMs },
    ...more,
  });

  test("bounds the rate of all sources together, and asks for other hops of what is shown", () => {
    const desk: TapDesk = new Map();
    openTap(desk, record(), 0);
    const entries = Array.from({ length: 8 }, (_, at) => entry({ traceId: `t${at}` }));
    reportTaps(desk, [{ id: "1", seen: 8, dropped: 0, entries }], 0);
    const answer = reportTaps(desk, [{ id: "1", seen: 8, dropped: 1, entries }], 0);
    expect(answer.taps[0]?.traces).toHaveLength(8);
    expect(readTap(desk, "1", "ann", 0)).toMatchObject({ seen: 16, dropped: 7, entries: { length: 10 } });
    expect(reportTaps(desk, [{ id: "1", seen: 0, dropped: 0, entries: [] }], limits.taps.traceMs).taps).toMatchObject([
      { traces: [] },
    ]);
  });

  test("ends a tap that nobody reads, and one whose time is over; nobody else reads it", () => {
    const desk: TapDesk = new Map();
    openTap(desk, record(), 0);
    expect(readTap(desk, "1", "eve", 1)).toBeUndefined();
    expect(readTap(desk, "1", "ann", 5_000)).toBeDefined();
    expect(toldTaps(desk, 5_000)).toMatchObject([{ leaseMs: limits.taps.leaseMs }]);
    const empty = [{ id: "1", seen: 0, dropped: 0, entries: [] }];
    expect(reportTaps(desk, empty, 4_999 + limits.taps.leaseMs).taps).toHaveLength(1);
    expect(reportTaps(desk, empty, 5_000 + limits.taps.leaseMs).taps).toEqual([]);
    openTap(desk, record({ leaseEndsAtMs: 90_000 }), 0);
    expect(readTap(desk, "1", "ann", 60_000)).toBeUndefined();
  });

  test("opens no more than its bound", () => {
    const desk: TapDesk = new Map();
    for (let at = 0; at < limits.taps.max; at++) expect(openTap(desk, record({ id: `${at}` }), 0)).toBe(true);
    expect(openTap(desk, record({ id: "more" }), 0)).toBe(false);
  });
});
