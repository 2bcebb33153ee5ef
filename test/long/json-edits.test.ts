/** 100 MB of JSON edited on their way through workerd, down and up: its memory grows with no body, whoever is slow. */
import { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { EDITED_ITEM, itemsBytes, itemsText } from "../support/items-text.ts";
import { type StreamWorld, startStreamWorld } from "../support/stream-world.ts";

let world: StreamWorld;
beforeAll(async () => {
  world = await startStreamWorld();
});
afterAll(() => world?.stop());

const COUNT = 800_000;
const edited = itemsBytes(COUNT, EDITED_ITEM);
/** What workerd may take above what it took idle: garbage that is not collected yet, and what sockets hold. */
const GROWTH_MIB_MAX = 192;
/** What it may take for the same bytes again: nothing of any body stays. */
const AGAIN_MIB_MAX = 48;
/** A slow client rests for so long after each of these. */
const REST_EVERY_BYTES = 4 * 1024 * 1024;
const REST_MS = 100;

async function download(count: number, slowly: boolean): Promise<number> {
  const { body } = await fetch(world.url(`/edited/items?count=${count}`));
  let bytes = 0;
  let rested = 0;
  for await (const chunk of body as ReadableStream<Uint8Array>) {
    bytes += chunk.byteLength;
    if (!slowly || bytes - rested < REST_EVERY_BYTES) continue;
    rested = bytes;
    await delay(REST_MS);
  }
  return bytes;
}

async function upload(count: number): Promise<number> {
  const response = await fetch(world.url("/edited/sink"), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: Readable.toWeb(Readable.from(itemsText(count), { objectMode: false })) as ReadableStream<Uint8Array>,
    duplex: "half",
  } as RequestInit);
  return Number(await response.text());
}

test("100 MB each way, by clients that are fast and slow", async () => {
  await download(COUNT / 20, false);
  await upload(COUNT / 20);
  const before = world.memory().workerd;
  const first = await highestOf(() => download(COUNT, false));
  const slow = await highestOf(() => download(COUNT, true));
  const up = await highestOf(() => upload(COUNT));
  const again = Math.max(await highestOf(() => download(COUNT, false)), await highestOf(() => upload(COUNT)));
  const highest = Math.max(first, slow, up);
  console.log(`${itemsBytes(COUNT)} bytes each time; resident MiB of workerd`, { before, first, slow, up, again });
  expect(highest - before).toBeLessThan(GROWTH_MIB_MAX);
  expect(again - highest).toBeLessThan(AGAIN_MIB_MAX);
}, 240_000);

/** The most that workerd takes while all bytes pass, in MiB. */
async function highestOf(pass: () => Promise<number>): Promise<number> {
  let highest = world.memory().workerd;
  const timer = setInterval(() => {
    highest = Math.max(highest, world.memory().workerd);
  }, 20);
  expect(await pass()).toBe(edited);
  clearInterval(timer);
  return highest;
}
