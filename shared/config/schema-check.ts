/** `check`: what of the findings of `selvage check` is known and stays. */
import * as z from "zod";
import { limits } from "../limits.ts";
import { list, text } from "./fields.ts";

const { ignoresMax, ignoreReasonCharsMax, ignorePlaceCharsMax } = limits.document;

const ignore = z.strictObject({
  code: text("a code such as SLV3012", /^SLV\d{4}$/, (given) =>
    typeof given === "string" && /^slv\d{4}$/i.test(given) ? given.toUpperCase() : undefined,
  ).describe("Of warnings: errors cannot be ignored."),
  at: text("a place such as routes.orders or services.users.access", /^[^\p{Cc}]+$/u)
    .max(ignorePlaceCharsMax, { error: `at most ${ignorePlaceCharsMax} characters` })
    .optional()
    .describe(
      "This place and all below: names instead of numbers, without `gateway.` and `mesh.`. Default: everywhere.",
    ),
  reason: text("a sentence", /\S/)
    .max(ignoreReasonCharsMax, { error: `at most ${ignoreReasonCharsMax} characters` })
    .describe("Why it is no mistake here."),
});

export const check = z.strictObject({
  ignore: list(ignore)
    .max(ignoresMax, { error: `a list of at most ${ignoresMax}` })
    .optional()
    .describe("Warnings that are meant. One that is not there any more is a warning itself."),
});
