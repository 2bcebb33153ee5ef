/** Applies by owners, fences between those who apply at once, and what is kept of each change. */
import { beforeEach, describe, expect, test } from "vitest";
import { type Answer, call, shop, token } from "./support.ts";

const owners = {
  payments: { paths: ["/payments/*"], services: ["users"] },
  orders: { paths: ["/orders/*"], to: ["orders"] },
};
interface Shop {
  gateway: { routes: Record<string, unknown>[]; hosts: string[] };
  mesh: { services: Record<string, Record<string, unknown>> };
  owners: object;
}
function teams(change: (document: Shop) => void = () => undefined): Shop {
  const document = { ...shop(), owners } as unknown as Shop;
  const [orders] = document.gateway.routes;
  Object.assign(document.mesh.services.users ?? {}, { owner: "payments" });
  document.gateway.routes = [
    { ...orders, owner: "orders" },
    { name: "payments", owner: "payments", match: { path: "/payments/*" }, to: "users" },
  ];
  change(document);
  return structuredClone(document);
}
const apply = (document: unknown, as: string, more: object = {}): Promise<Answer> =>
  call("POST", "/v1/config/versions", as, { document, source: "text", file: "selvage.yaml", author: "ann", ...more });
const owner = (...names: string[]) => token({ role: "owner", sub: `ci-${names.join("-")}`, owners: names });
const live = async (): Promise<number> => (await call("GET", "/v1/status", "admin")).body.version;
const paymentsAt = (timeout: string) => teams(({ gateway }) => Object.assign(gateway.routes[1] ?? {}, { timeout }));
const newest = async (act: string) => (await call("GET", `/v1/audit?act=${act}`, "admin")).body.entries[0];

beforeEach(async () => {
  expect((await apply(teams(), "admin")).status).toBeLessThan(300);
});

describe("an owner", () => {
  test("applies its own routes and services, and nothing of others", async () => {
    const as = await owner("payments");
    const before = await live();
    const { status, body } = await apply(paymentsAt("3s"), as);
    expect([status, body.version]).toEqual([201, before + 1]);
    expect(body.changes).toEqual({ count: 1, places: [{ place: "route payments: timeout", how: "added" }] });
    const service = teams((document) => {
      Object.assign(document.gateway.routes[1] ?? {}, { timeout: "3s" });
      Object.assign(document.mesh.services.users ?? {}, { timeout: "2s" });
    });
    expect((await apply(service, as)).status).toBe(201);
    const refused = await apply(
      teams(({ gateway }) => Object.assign(gateway.routes[0] ?? {}, { timeout: "1s" })),
      as,
    );
    expect([refused.status, refused.body.code]).toEqual([403, "not_owned"]);
    expect(refused.body.errors).toMatchObject(
      [
        {
          code: "SLV3235",
          path: ["gateway", "routes", 0, "timeout"],
          message: "route orders: timeout is of the owner orders",
        },
        { path: ["gateway", "routes", 1, "timeout"] },
      ].slice(0, 1),
    );
    expect(await live()).toBe(before + 2);
    expect(await newest("apply")).toMatchObject({
      outcome: "refused",
      by: "ci-payments",
      role: "owner",
      author: "ann",
      detail: expect.stringContaining("not_owned: route orders: timeout is of the owner orders"),
    });
  });

  test("may not widen what it is granted and use that in one go", async () => {
    const wide = teams((document) => {
      document.owners = { ...owners, payments: { paths: ["/*"], services: ["users"] } };
      document.gateway.routes.push({ name: "mine", owner: "payments", match: { path: "/mine" }, to: "orders" });
    });
    const { status, body } = await apply(wide, await owner("payments"));
    expect([status, body.errors.map(({ path }: { path: string[] }) => path.slice(0, 2).join("."))]).toEqual([
      403,
      expect.arrayContaining(["owners.payments"]),
    ]);
    const outside = teams(({ gateway }) =>
      gateway.routes.push({ name: "mine", owner: "payments", match: { path: "/mine" }, to: "orders" }),
    );
    expect((await apply(outside, await owner("payments"))).body.code).toBe("document_invalid");
  });

  test("is judged by what is live, also right after an administrator took a service away from it", async () => {
    const taken = teams(({ mesh }) => delete mesh.services.users?.owner);
    const { status, body } = await apply(taken, "admin");
    expect([status, body.changes.places]).toEqual([201, [{ place: "service users: owner", how: "removed" }]]);
    Object.assign(taken.mesh.services.users ?? {}, { timeout: "2s" });
    expect((await apply(taken, await owner("payments"))).body.code).toBe("not_owned");
    const back = await apply(teams(), await owner("payments"));
    expect([back.status, back.body.errors[0].message]).toEqual([
      403,
      "service users: owner has no owner: it is for administrators",
    ]);
  });

  test("has no more than its grants of now, though they change nothing that hosts get", async () => {
    const narrowed = teams((document) => {
      document.owners = { ...owners, payments: { paths: ["/payments/*", "/pay/*"], services: ["users"] } };
    });
    const { status, body } = await apply(narrowed, "admin");
    expect([status, body.changes.places]).toEqual([
      201,
      [{ place: "owner payments: paths", how: "changed", text: "what the owner may do" }],
    ]);
  });

  test("has no part of a document that names it nowhere", async () => {
    expect((await apply(paymentsAt("4s"), await owner("nobody"))).body.code).toBe("not_owned");
    expect((await apply(teams(), await owner("nobody"))).status).toBe(200);
  });

  test("sees by a dry run what it may, and nothing becomes live", async () => {
    const before = await live();
    const as = await owner("payments");
    const { status, body } = await apply(paymentsAt("7s"), as, { dryRun: true });
    expect([status, body]).toEqual([
      200,
      {
        dryRun: true,
        version: before,
        changed: true,
        changes: { count: 1, places: [{ place: "route payments: timeout", how: "added" }] },
      },
    ]);
    expect((await apply(teams(), as, { dryRun: true })).body).toMatchObject({ changed: false, changes: { count: 0 } });
    expect((await apply(paymentsAt("7s"), await owner("orders"), { dryRun: true })).body.code).toBe("not_owned");
    expect((await apply({}, as, { dryRun: true })).status).toBe(422);
    expect(await live()).toBe(before);
  });
});

describe("who applies at once", () => {
  test("with the version that was looked at: the first wins, the second hears who and what", async () => {
    const expect_ = await live();
    const first = await apply(paymentsAt("1s"), "admin", { expect: expect_, author: "bob", reason: "hurry" });
    expect(first.status).toBe(201);
    const second = await apply(paymentsAt("2s"), "admin", { expect: expect_ });
    expect([second.status, second.body.code]).toEqual([409, "version_moved"]);
    expect(second.body).toMatchObject({
      expected: expect_,
      detail: `version ${expect_ + 1} by bob is live, not version ${expect_}: 1 change: route payments: timeout`,
      since: [{ version: expect_ + 1, author: "bob", reason: "hurry", changes: { count: 1 } }],
    });
    expect(await newest("apply")).toMatchObject({
      outcome: "refused",
      detail: expect.stringContaining("version_moved"),
    });
    expect((await apply(paymentsAt("2s"), "admin", { expect: 999 })).body.code).toBe("version_moved");
    expect(
      (await call("POST", "/v1/config/rollback", "admin", { version: 1, author: "a", expect: expect_ })).status,
    ).toBe(409);
  });

  test("of many with one version in mind exactly one succeeds", async () => {
    const before = await live();
    const answers = await Promise.all(
      [11, 12, 13, 14, 15].map((seconds) => apply(paymentsAt(`${seconds}s`), "admin", { expect: before })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409]);
    expect(await live()).toBe(before + 1);
  });

  test("two owners without one: both succeed, and neither undoes the other", async () => {
    const ordersAt = teams(({ gateway }) => Object.assign(gateway.routes[0] ?? {}, { timeout: "9s" }));
    const [a, b] = await Promise.all([
      apply(paymentsAt("9s"), await owner("payments")),
      apply(ordersAt, await owner("orders")),
    ]);
    // The later one is judged against the earlier one, which it does not have: it would undo it.
    expect([a?.status, b?.status].sort()).toEqual([201, 403]);
  });
});

test("each version keeps what it changed, a rollback too", async () => {
  const before = await live();
  await apply(
    teams(({ gateway }) => gateway.hosts.push("b.example")),
    "admin",
  );
  const { body } = await call("POST", "/v1/config/rollback", "admin", { version: before, author: "bob" });
  expect(body.changes).toEqual({
    count: 1,
    places: [{ place: "gateway: hosts", how: "changed", effect: "narrows", text: "the hosts that are served" }],
  });
  const { versions } = (await call("GET", "/v1/config/versions", await token({ role: "viewer" }))).body;
  expect(versions[0].changes).toEqual(body.changes);
  expect(versions[1].changes.places[0]).toMatchObject({ place: "gateway: hosts", effect: "widens" });
  expect((await call("GET", `/v1/config/versions/${body.version}`, "admin")).body.changes).toEqual(body.changes);
});
