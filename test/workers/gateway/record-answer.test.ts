/** Answers under an idempotency key: what of their content is kept, and how it reaches the client meanwhile. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { counting, pay, payments, start, told } from "./support/idempotency.ts";

afterEach(() => vi.restoreAllMocks());

describe("the content of an answer", () => {
  const streamed = (chunks: readonly string[], end?: (controller: ReadableStreamDefaultController) => void) => {
    const body = new ReadableStream({
      start(controller) {
        for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(chunk));
        (end ?? (() => controller.close()))(controller);
      },
    });
    return new Response(body);
  };

  test("as long as `maxResponse` is kept, one byte more is not, streamed or stated", async () => {
    const answer = (length: number, stated: boolean): Response =>
      stated
        ? new Response("x".repeat(length), { headers: { "content-length": String(length) } })
        : streamed(["x".repeat(length)]);
    for (const stated of [true, false]) {
      const { outside } = counting((count) => answer(count === 1 ? 100 : 101, stated));
      const gateway = await start(payments({ answerBytesMax: 100 }), outside);
      expect(await (await pay(gateway, { key: '"fits"' })).text()).toHaveLength(100);
      expect(await (await pay(gateway, { key: '"fits"' })).text()).toHaveLength(100);
      expect(await (await pay(gateway, { key: '"long"' })).text()).toHaveLength(101);
      const repeat = await pay(gateway, { key: '"long"' });
      expect(await repeat.json()).toMatchObject({ status: 409, code: "answer_not_kept", "original-status": 200 });
    }
  });

  test("of the largest size that a document can ask for fits into the store", async () => {
    const length = 1_792 * 1024;
    const { outside } = counting(() => new Response("x".repeat(length), { headers: { "x-long": "y".repeat(16_000) } }));
    const gateway = await start(payments({ answerBytesMax: length }), outside);
    await pay(gateway, { key: '"k"' });
    const repeat = await pay(gateway, { key: '"k"' });
    expect([repeat.status, (await repeat.text()).length]).toEqual([200, length]);
  });

  test("too many fields are not kept", async () => {
    const { outside } = counting(() => new Response("x", { headers: { "x-long": "y".repeat(17_000) } }));
    const gateway = await start(payments(), outside);
    expect((await pay(gateway, { key: '"k"' })).headers.get("x-long")).toHaveLength(17_000);
    expect(await told(await pay(gateway, { key: '"k"' }))).toEqual([409, "answer_not_kept"]);
  });

  test("comes to the client before it has ended", async () => {
    let upstream: ReadableStreamDefaultController | undefined;
    const { outside } = counting(() =>
      streamed(["first"], (controller) => {
        upstream = controller;
      }),
    );
    const gateway = await start(payments(), outside);
    const answer = gateway.fetch("/payments/1", {
      whole: false,
      method: "POST",
      headers: { "idempotency-key": '"k"' },
    });
    const reader = ((await answer).body as ReadableStream<Uint8Array>).getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toBe("first");
    upstream?.enqueue(new TextEncoder().encode(" last"));
    upstream?.close();
    expect(new TextDecoder().decode((await reader.read()).value)).toBe(" last");
    expect((await reader.read()).done).toBe(true);
    const repeat = await gateway.fetch("/payments/1", { method: "POST", headers: { "idempotency-key": '"k"' } });
    expect(await repeat.text()).toBe("first last");
  });

  test("is kept whole when the client leaves in the middle", async () => {
    let upstream: ReadableStreamDefaultController | undefined;
    const { outside } = counting(() =>
      streamed(["first"], (controller) => {
        upstream = controller;
      }),
    );
    const gateway = await start(payments(), outside);
    const init = { method: "POST", headers: { "idempotency-key": '"k"' } };
    const reader = (
      (await gateway.fetch("/payments/1", { ...init, whole: false })).body as ReadableStream<Uint8Array>
    ).getReader();
    await reader.read();
    await reader.cancel();
    upstream?.enqueue(new TextEncoder().encode(" last"));
    upstream?.close();
    const repeat = await gateway.fetch("/payments/1", init);
    expect([repeat.headers.get("idempotency-replayed"), await repeat.text()]).toEqual(["true", "first last"]);
  });

  test("that breaks off is not kept, and not a half of it", async () => {
    for (const stated of [false, true]) {
      const { outside } = counting(() => {
        const broken = streamed(["half"], (controller) => controller.error(new Error("reset")));
        if (stated) broken.headers.set("content-length", "10");
        return broken;
      });
      const gateway = await start(payments(), outside);
      const first = await pay(gateway, { key: '"k"' });
      if (stated) expect(await told(first)).toEqual([502, "upstream_reset"]);
      else await expect(first.text()).rejects.toThrow();
      expect(await told(await pay(gateway, { key: '"k"' }))).toEqual([409, "outcome_unknown"]);
    }
  });
});
