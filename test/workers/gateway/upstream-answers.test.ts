/** Answers of upstreams that no honest server sends, and those that go on as they came. */
import { afterEach, expect, test, vi } from "vitest";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { plan, route } from "./support/plans.ts";

afterEach(() => vi.restoreAllMocks());

const none = { remove: [], set: {}, add: {} };
const target = { kind: "forward", to: { origin: "http://origin.example:8080" } } as const;
const routes = [
  route("mesh", "/mesh/*"),
  route("origin", "/origin/*", { target }),
  route("edited", "/edited", {
    target,
    transform: { request: none, response: { remove: ["server"], set: { "x-frame-options": "DENY" }, add: {} } },
  }),
];
const start = (answer: () => Response): Promise<Gateway> => startGateway(plan(routes), answer);

test.each(["/mesh/1", "/origin/1"])("a status that means nothing is no answer: %s", async (path) => {
  const gateway = await start(() => Object.defineProperty(new Response("odd"), "status", { value: 999 }));
  const response = await gateway.fetch(path);
  expect([response.status, await response.json()]).toMatchObject([502, { code: "upstream_invalid" }]);
});

/** The platform lets nobody change the answer of a fetch. */
function frozen(): Response {
  const response = new Response("theirs", { headers: { server: "old", "x-kept": "yes" } });
  for (const change of ["set", "append", "delete"] as const)
    vi.spyOn(response.headers, change).mockImplementation(() => {
      throw new TypeError("immutable");
    });
  return response;
}

test("what goes on as it came is not copied", async () => {
  const answer = frozen();
  const gateway = await start(() => answer);
  expect(await gateway.fetch("/origin/1")).toBe(answer);
});

test("whoever changes it changes a copy", async () => {
  const gateway = await start(frozen);
  const response = await gateway.fetch("/edited");
  expect([response.status, await response.text()]).toEqual([200, "theirs"]);
  expect(Object.fromEntries(response.headers)).toMatchObject({ "x-kept": "yes", "x-frame-options": "DENY" });
  expect(response.headers.get("server")).toBeNull();
});
