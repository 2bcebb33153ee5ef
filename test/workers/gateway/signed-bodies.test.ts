/** Bodies that are read for a proof: whole, bounded, and the same bytes afterwards. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { WebhookProvider } from "../../../shared/auth/webhook.ts";
import { hex } from "../../../shared/http/hex.ts";
import { limits } from "../../../shared/limits.ts";
import type { RoutePlan } from "../../../shared/plan/plan.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import { plan, route } from "./support/plans.ts";
import { digestOf, ed25519Signer, keyOf, type Signer, signed, usualProvider } from "./support/sign.ts";

const SECRET = "It's a Secret to Everybody";
const hooks: WebhookProvider = {
  kind: "webhook",
  name: "hooks",
  style: "github",
  secrets: ["HOOK"],
  publicKeys: [],
  toleranceMs: 300_000,
  sub: "github",
  scopes: [],
  groups: [],
};
const MiB = 1024 * 1024;
const held = limits.gateway.heldBodyBytesMax;

let alice: Signer;
let gateway: Gateway;
/** Bodies as they left the gateway. */
let bodies: Uint8Array[];

beforeEach(async () => {
  alice = await ed25519Signer("alice-2026");
  bodies = [];
  const auth = (name: string): Partial<RoutePlan> => ({ auth: { any: [name], scopes: [] }, timeoutMs: 30_000 });
  const routes = [
    route("hooks", "/hooks/*", auth("hooks")),
    route("orders", "/orders/*", auth("partner")),
    route("small", "/small/*", { ...auth("hooks"), bodyBytesMax: 10 }),
    route("hasty", "/hasty/*", { ...auth("hooks"), timeoutMs: 50 }),
    route("large", "/large/*", { ...auth("hooks"), bodyBytesMax: 4 * held }),
  ];
  const identity = { hooks, partner: { ...usualProvider, keys: [keyOf(alice)] } };
  gateway = await startGateway(
    plan(routes, { identity }),
    async (request) => {
      bodies.push(new Uint8Array(await request.arrayBuffer()));
      return Response.json({});
    },
    { env: { SECRET_HOOK: SECRET } },
  );
});
afterEach(() => vi.restoreAllMocks());

test("bodies that are held together are bounded; what was held is free afterwards", async () => {
  const bytes = limits.gateway.heldBodiesBytesMax / 4;
  const content = noise(bytes);
  const headers = await github(content);
  const open: (() => void)[] = [];
  const slow = (): Promise<Response> => {
    const body = new ReadableStream<Uint8Array>({
      async start(controller) {
        controller.enqueue(content);
        await new Promise<void>((resolve) => open.push(resolve));
        controller.close();
      },
    });
    return post("/hooks/1", headers, body);
  };
  const held = [slow(), slow(), slow(), slow()];
  // The content of each was read, and its end is waited for.
  await expect.poll(async () => (await post("/hooks/1", headers, content)).status, { timeout: 10_000 }).toBe(503);
  const refused = await post("/hooks/1", headers, content);
  expect(refused.headers.get("retry-after")).toBe("1");
  expect(await codeOf(refused)).toEqual([503, "overloaded"]);
  for (const end of open) end();
  expect((await Promise.all(held)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  expect((await post("/hooks/1", headers, content)).status).toBe(200);
});

async function github(content: Uint8Array): Promise<Record<string, string>> {
  const secret = new TextEncoder().encode(SECRET);
  const key = await crypto.subtle.importKey("raw", secret, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return { "x-hub-signature-256": `sha256=${hex(new Uint8Array(await crypto.subtle.sign("HMAC", key, content)))}` };
}
async function byPartner(content: Uint8Array): Promise<Record<string, string>> {
  const fields = { "content-digest": await digestOf(content) };
  return { ...fields, ...(await signed(alice.sign, { keyid: alice.keyid, method: "POST", fields })) };
}
const noise = (bytes: number): Uint8Array =>
  Uint8Array.from({ length: bytes }, (_, at) => (at * 31 + (at >> 8)) & 0xff);

function chunked(content: Uint8Array, size: number, breaksAt = Number.POSITIVE_INFINITY): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= breaksAt) return controller.error(new Error("gone"));
      if (at >= content.length) return controller.close();
      controller.enqueue(content.slice(at, at + size));
      at += size;
    },
  });
}
const post = (path: string, headers: Record<string, string>, body: BodyInit | null): Promise<Response> =>
  gateway.fetch(path, { method: "POST", headers, body });
const codeOf = async (response: Response): Promise<[number, string]> => [
  response.status,
  ((await response.json()) as { code: string }).code,
];

describe.each([
  ["webhook", "/hooks/1", github],
  ["signature", "/orders/1", byPartner],
] as const)("%s", (_, path, sign) => {
  test.each([0, 1, 17, 65_536, MiB, held])(
    "%i bytes, with a length and in chunks, go on as they came",
    async (size) => {
      const content = noise(size);
      const headers = await sign(content);
      const stated = { ...headers, "content-length": String(size) };
      expect((await post(path, stated, content)).status).toBe(200);
      expect((await post(path, headers, chunked(content, 40_000))).status).toBe(200);
      for (const body of bodies) {
        expect(body.length).toBe(size);
        expect(body.every((byte, at) => byte === content[at])).toBe(true);
      }
      expect(bodies).toHaveLength(2);
      for (const sent of gateway.sent) expect(sent.headers.get("content-length") ?? String(size)).toBe(String(size));
    },
  );

  test("what breaks off is refused, and nothing goes on", async () => {
    const content = noise(1000);
    const response = await post(path, await sign(content), chunked(content, 100, 500));
    expect(await codeOf(response)).toEqual([400, "bad_request"]);
    expect(bodies).toEqual([]);
  });

  test("another byte is refused, and nothing goes on", async () => {
    const content = noise(MiB);
    const headers = await sign(content);
    content[MiB - 1] = (content[MiB - 1] ?? 0) ^ 1;
    expect(await codeOf(await post(path, headers, chunked(content, 70_000)))).toEqual([401, "credentials_invalid"]);
    expect(bodies).toEqual([]);
  });

  test("no body at all", async () => {
    expect((await post(path, await sign(new Uint8Array()), null)).status).toBe(200);
    expect(bodies).toEqual([new Uint8Array()]);
  });
});

describe("bounds", () => {
  test("of the route: 413, stated or counted", async () => {
    const content = noise(11);
    const headers = await github(content);
    const stated = await post("/small/1", { ...headers, "content-length": "11" }, content);
    expect(await codeOf(stated)).toEqual([413, "body_too_large"]);
    expect(await codeOf(await post("/small/1", headers, chunked(content, 4)))).toEqual([413, "body_too_large"]);
    const exact = noise(10);
    expect((await post("/small/1", await github(exact), chunked(exact, 4))).status).toBe(200);
  });

  test("of what is held, where the route would take more", async () => {
    const content = noise(held + 1);
    const headers = await github(content);
    const stated = await post("/large/1", { ...headers, "content-length": String(held + 1) }, content);
    expect(await codeOf(stated)).toEqual([413, "body_too_large"]);
    expect(await codeOf(await post("/large/1", headers, chunked(content, MiB)))).toEqual([413, "body_too_large"]);
    expect(bodies).toEqual([]);
  });

  test("of the route's time: a body that never ends holds nothing for longer", async () => {
    let cancelled = false;
    const stuck = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new Uint8Array(10)),
      cancel: () => {
        cancelled = true;
      },
    });
    const response = await post("/hasty/1", await github(new Uint8Array(10)), stuck);
    expect(await codeOf(response)).toEqual([408, "request_timeout"]);
    await vi.waitFor(() => expect(cancelled).toBe(true));
    expect(bodies).toEqual([]);
  });

  test("a body is not read for a signature that cannot be good", async () => {
    let pulled = 0;
    const endless = (): ReadableStream<Uint8Array> =>
      new ReadableStream(
        {
          pull(controller) {
            pulled++;
            controller.enqueue(new Uint8Array(1000));
          },
        },
        { highWaterMark: 0 },
      );
    const forged = { ...(await byPartner(new Uint8Array())), signature: `sig1=:${btoa("x".repeat(64))}:` };
    expect((await post("/orders/1", forged, endless())).status).toBe(401);
    expect((await post("/hooks/1", { "x-hub-signature-256": "sha256=00" }, endless())).status).toBe(401);
    expect(pulled).toBeLessThan(5);
  });
});
