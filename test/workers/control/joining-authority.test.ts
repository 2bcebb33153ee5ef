/** Joining and coming back where the authority has changed: workloads that are revoked, and another root. */
import { runDurableObjectAlarm } from "cloudflare:test";
import { X509Certificate } from "@peculiar/x509";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { kubernetesClaims } from "../../support/workload-tokens.ts";
import { comeBack, document, join, type Keys, makeIssuerKeys, makeKeys, tokenOf } from "./joiners.ts";
import {
  type Answer,
  applyDocument,
  authority,
  call,
  enrol,
  enrolWith,
  joinToken,
  makeCsr,
  renewal,
} from "./support.ts";

beforeAll(async () => {
  await makeIssuerKeys();
  expect((await applyDocument(document())).status).toBe(201);
}, 60_000);

describe("a workload that is revoked gets no certificate", () => {
  interface World {
    readonly certified: Awaited<ReturnType<typeof enrol>>;
    readonly keys: Keys;
  }

  /** What each way to a certificate answers. */
  const ways: readonly (readonly [string, number, string, (world: World) => Promise<Answer>])[] = [
    [
      "by a join token",
      403,
      "workload_denied",
      async () => enrolWith(await joinToken("orders"), (await makeCsr()).csr, "pod-bad"),
    ],
    [
      "by a renewal",
      403,
      "workload_denied",
      async ({ certified }) =>
        call("POST", "/v1/renew", certified.credentials.token, await renewal((await makeCsr()).csr, certified.keys)),
    ],
    [
      "by a token of its platform",
      401,
      "join_refused",
      async () => join({ token: await tokenOf("cluster", kubernetesClaims), instance: "pod-bad" }),
    ],
    ["by its enrolment key", 401, "join_refused", ({ keys }) => comeBack(keys)],
  ];
  let world: World;

  const deny = async (what: object): Promise<string> =>
    (await call("POST", "/v1/denied", "admin", { author: "ann", ...what })).body.id;
  const undo = (id: string) => call("DELETE", `/v1/denied/${id}`, "admin");
  const newest = async () => (await call("GET", "/v1/ca/log", "admin")).body.entries[0];

  beforeEach(async () => {
    const keys = await makeKeys();
    await join({ token: await tokenOf("cluster", kubernetesClaims), instance: "pod-bad", keys });
    world = { certified: await enrol("orders", "pod-bad"), keys };
  });

  describe.each([
    ["as a service", { service: "orders" }],
    ["as an instance", { service: "orders", instance: "pod-bad" }],
  ])("%s", (_name, what) => {
    test.each(ways)("%s", async (_way, status, code, ask) => {
      const id = await deny(what);
      const refused = await ask(world);
      expect([refused.status, refused.body.code]).toEqual([status, code]);
      expect(await newest()).toMatchObject({
        service: "orders",
        instance: "pod-bad",
        reason: expect.stringContaining("is revoked"),
      });
      await undo(id);
      expect((await ask(world)).status).toBe(200);
    });
  });

  test("nor does one whose certificate is revoked come back by its enrolment key; it may join anew", async () => {
    const { serialNumber } = new X509Certificate(world.certified.credentials.certificates[0] ?? "");
    const id = await deny({ serial: serialNumber });
    expect((await comeBack(world.keys)).status).toBe(401);
    const keys = await makeKeys();
    const anew = { token: await tokenOf("cluster", kubernetesClaims), instance: "pod-bad", keys };
    expect((await join(anew)).status).toBe(200);
    expect((await comeBack(keys)).status).toBe(200);
    await undo(id);
  });

  test("the other instances of its service do", async () => {
    const id = await deny({ service: "orders", instance: "pod-bad" });
    expect((await join({ token: await tokenOf("cluster", kubernetesClaims) })).status).toBe(200);
    await undo(id);
  });
});

test("who knows the roots of another day is shown how they led to the present one", async () => {
  const keys = await makeKeys();
  const { body: before } = await join({ token: await tokenOf("cluster", kubernetesClaims), instance: "pod-old", keys });
  const started = await call("POST", "/v1/ca/rotations", "admin", { what: "root", author: "ann" });
  expect(started.status).toBe(202);
  for (const step of ["trust", "renew", "remove"])
    await expect
      .poll(async () => {
        const { rotation } = (await call("GET", "/v1/ca", "admin")).body;
        if (rotation?.step === step)
          await call("POST", "/v1/ca/rotations/force", "admin", { step, whom: "all", author: "ann" });
        await runDurableObjectAlarm(authority());
        return rotation?.step;
      })
      .not.toBe(step);
  const answers = [await comeBack(keys), await join({ token: await tokenOf("cluster", kubernetesClaims) })];
  for (const { status, body } of answers) {
    expect([status, body.roots.length, body.roots[0] === before.roots[0]]).toEqual([200, 1, false]);
    expect(body.lineage.map((pem: string) => pem.trim())).toContain(before.roots[0].trim());
  }
});
