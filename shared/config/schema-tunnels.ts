/** `upgrades` of a service. */
import * as z from "zod";
import { limits } from "../limits.ts";
import { canBePassedOn } from "../policy/upgrade.ts";
import { text } from "./fields.ts";

const { upgradesMax } = limits.agent;

export const upgrades = z
  .array(
    text("the name of a protocol such as websocket", /^[^\s,]{1,129}$/, (given) =>
      typeof given === "string" ? given.trim().toLowerCase() : undefined,
    ).refine(canBePassedOn, {
      error: "a protocol that a request can change to (h2c, TLS and HTTP itself are of each connection)",
    }),
  )
  .max(upgradesMax, { error: `a list of at most ${upgradesMax}` });
