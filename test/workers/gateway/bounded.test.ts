import { describe, expect, test } from "vitest";
import { readText } from "../../../workers/gateway/upstream/read-text.ts";
import { sleep, until, within } from "../../../workers/gateway/upstream/wait.ts";

describe("reading an answer", () => {
  const streamed = (...chunks: number[][]): Response =>
    new Response(
      new ReadableStream({
        start(controller) {
          for (const chunk of chunks) controller.enqueue(new Uint8Array(chunk));
          controller.close();
        },
      }),
    );

  test("joins characters that are split between chunks", async () => {
    expect(await readText(streamed([0xc3], [0xa4, 0x61]), 3)).toBe("äa");
    expect(await readText(new Response(null), 0)).toBe("");
  });

  test("stops at the bound, by the stated length or by counting", async () => {
    const stated = new Response("12345", { headers: { "content-length": "5" } });
    for (const response of [stated, streamed([1, 2, 3], [4, 5])])
      await expect(readText(response, 4)).rejects.toThrow(RangeError);
    expect(await readText(streamed([49, 50], [51, 52]), 4)).toBe("1234");
  });

  test.each([
    ["chunks", { "content-length": "3", "transfer-encoding": "chunked" }],
    ["an encoding", { "content-length": "3", "content-encoding": "gzip" }],
    ["no number", { "content-length": "3, 3" }],
  ])("believes no stated length beside %s", async (_, headers) => {
    let pulls = 0;
    const endless = new ReadableStream({
      pull(controller) {
        controller.enqueue(new Uint8Array(3));
        if (++pulls > 100) controller.error(new Error("read on and on"));
      },
    });
    await expect(readText(new Response(endless, { headers, encodeBody: "manual" }), 4)).rejects.toThrow(RangeError);
  });

  test("reads what is stated at once", async () => {
    const stated = new Response("\ufeffäa", { headers: { "content-length": "6" } });
    expect(await readText(stated, 6)).toBe("äa");
  });

  test("refuses bytes that are no UTF-8", async () => {
    await expect(readText(streamed([0xff]), 10)).rejects.toThrow(TypeError);
    await expect(
      readText(new Response(new Uint8Array([0xff]), { headers: { "content-length": "1" } }), 10),
    ).rejects.toThrow(TypeError);
    await expect(readText(streamed([0xc3]), 10)).rejects.toThrow(TypeError);
  });
});

describe("waiting", () => {
  test("within: the value, undefined when it takes longer, its failure when that comes first", async () => {
    expect(await within(Promise.resolve(1), 1000)).toBe(1);
    expect(await within(new Promise(() => undefined), 1)).toBeUndefined();
    await expect(within(Promise.reject(new Error("no")), 1000)).rejects.toThrow("no");
    expect(
      await within(
        sleep(5).then(() => Promise.reject(new Error("late"))),
        1,
      ),
    ).toBeUndefined();
    await sleep(10);
  });

  test("until: whether it came about", async () => {
    let over = false;
    setTimeout(() => {
      over = true;
    }, 5);
    expect(await until(() => over, 1000)).toBe(true);
    expect(await until(() => false, 1)).toBe(false);
    expect(await until(() => true, -1)).toBe(true);
  });
});
