/** Instances of orders killed and stopped over and over under load. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ProcessEntry } from "../../shared/wire/runtime-files.ts";
import { killUnderLoad, orderLoad, stopUnderLoad } from "../support/outages.ts";
import { type System, startSystem } from "../support/system.ts";

const ROUNDS = 10;
let system: System;
let token: string;

beforeAll(async () => {
  system = await startSystem();
  token = await system.token("alice", "orders:read", "orders:write");
});
afterAll(() => system?.stop());

const rolesOf = (round: number): readonly ProcessEntry["role"][] =>
  ([["app"], ["agent"], ["agent", "app"]] as const)[round % 3] ?? ["agent"];
const rounds = Array.from({ length: ROUNDS }, (_, index) => index + 1);

test.each(rounds)("round %i of SIGKILL", async (round) => {
  const name = round % 2 === 0 ? "orders-v1-1" : "orders-v1-2";
  const roles = rolesOf(round);
  const { sent, failures } = await killUnderLoad(system, orderLoad(system, token, 200), name, roles);
  console.log(`${name} ${roles.join("+")}: ${sent} requests, ${failures.length} failed`);
  expect(failures).toEqual([]);
});

test.each(rounds)("round %i of SIGTERM", async (round) => {
  const name = round % 2 === 0 ? "orders-v1-1" : "orders-v1-2";
  const roles = rolesOf(round);
  const { sent, failures, posted, carriedOut } = await stopUnderLoad(system, token, 200, name, roles);
  console.log(
    `${name} ${roles.join("+")}: ${sent} requests, ${failures.length} failed, ${posted} POSTs, ${carriedOut} carried out`,
  );
  expect(failures).toEqual([]);
  expect(carriedOut).toBe(posted);
});
