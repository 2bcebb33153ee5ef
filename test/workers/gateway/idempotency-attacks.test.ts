/** What somebody could try with idempotency keys: refused with its status, nothing carried out twice, nothing of others shown. */
import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import { limits } from "../../../shared/limits.ts";
import { fuzzing } from "./support/fuzz.ts";
import { startGateway } from "./support/gateway.ts";
import { counting, issuer, pay, payments, start, told } from "./support/idempotency.ts";
import { createKey, partners } from "./support/keys.ts";
import { plan } from "./support/plans.ts";

afterEach(() => vi.restoreAllMocks());

const created = (count: number): Response =>
  Response.json({ id: count }, { status: 201, headers: { "set-cookie": `session=${count}` } });

describe("the field", () => {
  test.each<[string, string | undefined, string]>([
    ["missing", undefined, "idempotency_key_missing"],
    ["empty", "", "idempotency_key_invalid"],
    ["an empty string", '""', "idempotency_key_invalid"],
    ["without quotes", "abc", "idempotency_key_invalid"],
    ["of another type", "42", "idempotency_key_invalid"],
    ["bytes", ":YWJj:", "idempotency_key_invalid"],
    ["a list", '"a", "b"', "idempotency_key_invalid"],
    ["twice the same", '"a", "a"', "idempotency_key_invalid"],
    ["cut off", '"abc', "idempotency_key_invalid"],
    ["with something behind it", '"abc" x', "idempotency_key_invalid"],
    ["with a bad escape", '"a\\bc"', "idempotency_key_invalid"],
    ["with Latin-1", '"caf\u00e9"', "idempotency_key_invalid"],
    ["one character too long", `"${"x".repeat(limits.idempotency.keyCharsMax + 1)}"`, "idempotency_key_invalid"],
    ["huge", `"${"x".repeat(60_000)}"`, "idempotency_key_invalid"],
  ])("%s", async (_, key, code) => {
    const gateway = await start(payments({ required: true }), counting(created).outside);
    const response = await pay(gateway, key === undefined ? {} : { key });
    expect(await told(response)).toEqual([400, code]);
    expect(gateway.sent).toEqual([]);
  });

  test("two lines of it are not one key", async () => {
    const gateway = await start(payments({ unquoted: true }), counting(created).outside);
    for (const lines of [
      ['"a"', '"a"'],
      ["a", "a"],
      ['"a', 'b"'],
    ]) {
      const headers = new Headers({ authorization: `Bearer ${await issuer.sign()}` });
      for (const line of lines) headers.append("idempotency-key", line);
      const response = await gateway.fetch("/payments/1", { method: "POST", headers, body: "{}" });
      // The third is one string with a comma in it for everybody who joins lines as RFC 9110 section 5.3 says.
      expect(response.status).toBe(lines[0] === '"a' ? 201 : 400);
    }
  });

  test("whatever it is: 400 or carried out, and each key once", async () => {
    const { state, outside } = counting(created);
    const gateway = await start(payments({ unquoted: true }), outside);
    const ids = new Map<string, unknown>();
    const value = fc.oneof(
      fc.stringMatching(/^[\x21-\x7e]([\x20-\x7e]{0,20}[\x21-\x7e])?$/),
      fc.stringMatching(/^"[\x20-\x7e]{0,6}"(;[a-z]=?[\x21-\x7e]{0,3})?$/),
      fc.constantFrom('"a"', "a", '"a";b', '"a";b=1', '"b"', " b ", '"c\\"', '"c\\\\"'),
    );
    await fc.assert(
      fc.asyncProperty(value, async (key) => {
        const response = await pay(gateway, { key, sub: "" });
        expect([201, 400]).toContain(response.status);
        if (response.status === 400) return;
        const { id } = (await response.json()) as { id: unknown };
        const known = ids.get(key);
        if (known !== undefined) expect(id).toBe(known);
        else ids.set(key, id);
      }),
      fuzzing(400),
    );
    expect(state.count).toBe(new Set(ids.values()).size);
    const same = ['"a"', "a", '"a";b', '"a";b=1'].map((key) => ids.get(key)).filter((id) => id !== undefined);
    expect(new Set(same).size).toBeLessThanOrEqual(1);
  }, 60_000);
});

describe("somebody else's key", () => {
  test("an owner of an API key of the same name is another identity", async () => {
    const { key: apiKey } = await createKey({ owner: "alice" });
    const both = payments({}, { auth: { any: ["login", "partners"], scopes: [] } });
    const login = plan([]).identity.login as never;
    const gateway = await startGateway(
      plan([both], { identity: { login, partners } }),
      (request) => issuer.answer(request.url) ?? counting(created).outside(request),
    );
    expect((await pay(gateway, { key: '"k"' })).status).toBe(201);
    const other = await pay(gateway, { key: '"k"', sub: "", headers: { "x-api-key": apiKey } });
    expect([other.status, other.headers.get("idempotency-replayed")]).toEqual([201, null]);
  });

  test("a replay is refused to whoever may not make the request", async () => {
    const demanding = payments({}, { auth: { any: ["login"], scopes: ["pay"] } });
    const gateway = await start(demanding, counting(created).outside);
    const ask = async (scope: string, sign = issuer.sign) => {
      const headers = { authorization: `Bearer ${await sign({ scope })}`, "idempotency-key": '"k"' };
      return gateway.fetch("/payments/1", { method: "POST", headers, body: "{}" });
    };
    expect((await ask("pay")).status).toBe(201);
    expect((await ask("read")).status).toBe(403);
    const forged = await ask("pay", async () => `${(await issuer.sign({ scope: "pay" })).slice(0, -4)}AAAA`);
    expect(forged.status).toBe(401);
    expect((await ask("pay")).headers.get("idempotency-replayed")).toBe("true");
  });

  test("on a public route: another Authorization is another request, and cookies are nobody's", async () => {
    const { auth: _, ...open } = payments();
    const gateway = await start(open, counting(created).outside);
    const ask = (authorization?: string) =>
      pay(gateway, { key: '"k"', sub: "", headers: authorization === undefined ? {} : { authorization } });
    expect((await ask("Bearer a")).headers.get("set-cookie")).toBe("session=1");
    expect(await told(await ask("Bearer b"))).toEqual([422, "idempotency_key_reused"]);
    expect(await told(await ask())).toEqual([422, "idempotency_key_reused"]);
    const again = await ask("Bearer a");
    expect([again.headers.get("idempotency-replayed"), again.headers.get("set-cookie")]).toEqual(["true", null]);
  });
});

describe("the content", () => {
  test("beyond what can be held, stated or streamed: 413, and the key is not taken", async () => {
    const bytes = limits.gateway.heldBodyBytesMax + 1;
    const gateway = await start(payments({}, { bodyBytesMax: 2 * bytes }), counting(created).outside);
    const streamed = new ReadableStream({
      pull(controller) {
        controller.enqueue(new Uint8Array(1024 * 1024));
      },
    });
    for (const body of [new Uint8Array(bytes), streamed])
      expect(await told(await pay(gateway, { key: '"k"', body }))).toEqual([413, "body_too_large"]);
    expect((await pay(gateway, { key: '"k"' })).status).toBe(201);
  });

  test("that breaks off: nothing is sent, and the key is not taken", async () => {
    const gateway = await start(payments(), counting(created).outside);
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode('{"amo'));
        controller.error(new Error("reset"));
      },
    });
    expect((await pay(gateway, { key: '"k"', body })).status).toBe(400);
    expect((await pay(gateway, { key: '"k"' })).status).toBe(201);
  });

  test.each([
    ["one byte more", '{"amount":1} '],
    ["one byte less", '{"amount":1'],
    ["the same members in other bytes", '{"amount":1.0}'],
    ["the same digest of nothing", ""],
    ["another of the same length", '{"amount":2}'],
  ])("%s is another request", async (_, body) => {
    const gateway = await start(payments(), counting(created).outside);
    await pay(gateway, { key: '"k"' });
    expect(await told(await pay(gateway, { key: '"k"', body }))).toEqual([422, "idempotency_key_reused"]);
  });
});
