import { beforeEach, describe, expect, test } from "vitest";
import {
  beginConfirmation,
  endConfirmation,
  endSession,
  newSessionMemory,
  recallSession,
  rememberSession,
  type SessionMemory,
} from "../../../shared/auth/session-memory.ts";
import { limits } from "../../../shared/limits.ts";

const { staleMs, confirmAfterMs, confirmRetryMs, shardWaitMs, rememberedMax } = limits.login;
const T = 1_000_000;
let memory: SessionMemory;

beforeEach(() => {
  memory = newSessionMemory();
});

describe("a session that lives", () => {
  test("is believed as long as its shard was confirmed lately", () => {
    expect(recallSession(memory, "0a", T)).toBeUndefined();
    expect(rememberSession(memory, "0a", true, { revision: 0, ended: [] }, T)).toBe(true);
    expect(recallSession(memory, "0a", T + staleMs)).toBe(true);
    expect(recallSession(memory, "0a", T + staleMs + 1)).toBeUndefined();
  });

  test("goes on by the confirmation of its shard, from when that was asked", () => {
    rememberSession(memory, "0a", true, { revision: 3, ended: [] }, T);
    expect(beginConfirmation(memory, 0, T + confirmAfterMs - 1)).toBeUndefined();
    expect(beginConfirmation(memory, 0, T + confirmAfterMs)).toBe(3);
    expect(beginConfirmation(memory, 0, T + confirmAfterMs)).toBeUndefined();
    endConfirmation(memory, 0, { revision: 3, ended: [] }, T + confirmAfterMs, T + confirmAfterMs + 200);
    expect(recallSession(memory, "0a", T + confirmAfterMs + staleMs)).toBe(true);
    expect(recallSession(memory, "0a", T + confirmAfterMs + staleMs + 1)).toBeUndefined();
  });

  test("is confirmed again soon where the shard did not answer, and where the question got lost", () => {
    rememberSession(memory, "0a", true, { revision: 0, ended: [] }, T);
    beginConfirmation(memory, 0, T + 1_000);
    endConfirmation(memory, 0, undefined, T + 1_000, T + 1_500);
    expect(beginConfirmation(memory, 0, T + 1_500 + confirmRetryMs - 1)).toBeUndefined();
    expect(beginConfirmation(memory, 0, T + 1_500 + confirmRetryMs)).toBe(0);
    expect(beginConfirmation(memory, 0, T + 1_500 + confirmRetryMs + shardWaitMs)).toBe(0);
  });
});

describe("a session that ended", () => {
  test("is refused for ever, whatever is heard afterwards", () => {
    rememberSession(memory, "0a", true, { revision: 0, ended: [] }, T);
    endSession(memory, "0a");
    expect(recallSession(memory, "0a", T)).toBe(false);
    expect(rememberSession(memory, "0a", true, { revision: 9, ended: [] }, T + 1)).toBe(false);
    expect(recallSession(memory, "0a", T + 1e9)).toBe(false);
  });

  test("elsewhere is heard of by a confirmation, and by the look-up of another", () => {
    for (const id of ["0a", "0b", "1a"]) rememberSession(memory, id, true, { revision: 0, ended: [] }, T);
    beginConfirmation(memory, 0, T + confirmAfterMs);
    endConfirmation(memory, 0, { revision: 1, ended: ["0a"] }, T + confirmAfterMs, T + confirmAfterMs);
    expect(recallSession(memory, "0a", T)).toBe(false);
    rememberSession(memory, "0c", true, { revision: 2, ended: ["0b"] }, T);
    expect([recallSession(memory, "0b", T), recallSession(memory, "1a", T)]).toEqual([false, true]);
  });

  test("is not brought back by an answer that was overtaken", () => {
    rememberSession(memory, "0b", true, { revision: 5, ended: ["0a"] }, T);
    expect(rememberSession(memory, "0a", true, { revision: 4, ended: [] }, T - 1)).toBe(false);
    expect(rememberSession(memory, "0c", true, { revision: 4, ended: [] }, T - 1)).toBe(true);
    expect(recallSession(memory, "0c", T)).toBeUndefined();
  });
});

test("who missed too many ends forgets what lives of that shard", () => {
  for (const id of ["0a", "1a"]) rememberSession(memory, id, true, { revision: 7, ended: [] }, T);
  beginConfirmation(memory, 0, T + confirmAfterMs);
  endConfirmation(memory, 0, { revision: 2 }, T + confirmAfterMs, T + confirmAfterMs);
  expect([recallSession(memory, "0a", T), recallSession(memory, "1a", T)]).toEqual([undefined, true]);
  rememberSession(memory, "0a", true, { revision: 2, ended: [] }, T + 2_000);
  expect(recallSession(memory, "0a", T + 2_000)).toBe(true);
});

test("the memory is bounded, and the oldest go first", () => {
  for (let at = 0; at <= rememberedMax; at++) rememberSession(memory, `0${at}`, true, { revision: 0, ended: [] }, T);
  expect([recallSession(memory, "00", T), recallSession(memory, "01", T)]).toEqual([undefined, true]);
  for (let at = 0; at <= rememberedMax; at++) endSession(memory, `1${at}`);
  expect(memory.ended.size).toBe(rememberedMax);
});
