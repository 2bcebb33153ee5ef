/** `idempotency` of a route. */
import * as z from "zod";
import { limits } from "../limits.ts";
import { duration, flag, headerName, list, method, mode, size, text } from "./fields.ts";

const bounds = limits.idempotency;

export const idempotency = z.strictObject({
  required: flag.optional().describe("Whether a request without a key is refused with 400. Default: false."),
  methods: list(method).optional().describe("Methods that keys have a meaning for. Default: POST, PATCH."),
  ttl: duration(bounds.ttlMsMin, bounds.ttlMsMax)
    .optional()
    .describe("How long an answer is given again. Default: 24h."),
  header: headerName.optional().describe("Field that carries the key. Default: Idempotency-Key."),
  unquoted: flag.optional().describe("Whether keys without quotes are taken, too. Default: false."),
  fingerprintHeaders: list(headerName)
    .max(bounds.headersMax, { error: `a list of at most ${bounds.headersMax}` })
    .optional()
    .describe("Headers that must be the same for a request to be the same, beside Content-Type."),
  maxResponse: size(0, bounds.answerBytesMaxMax)
    .optional()
    .describe("Largest answer that is kept; of larger ones only that they were given. Default: 1MiB."),
  wait: duration(0, limits.document.timeoutMsMax)
    .optional()
    .describe("How long an equal request waits for the first; `0s`: 409 at once. Default: as long as it has time."),
  onUnknown: z
    .enum(["refuse", "retry"], { error: "refuse or retry" })
    .optional()
    .describe(
      "When nobody knows what became of the first request: `refuse` says so with 409 (default), `retry` carries it out again.",
    ),
  documentation: text("an http or https URL", /^https?:\/\/[\x21\x23-\x3b\x3d\x3f-\x7e]+$/)
    .refine((value) => URL.canParse(value), { error: "an http or https URL" })
    .optional()
    .describe("Where clients read about keys; refusals link to it."),
  mode: mode
    .optional()
    .describe(
      "`shadow`: requests whose key is missing or not valid pass, and are counted and logged; a valid key holds as ever. Default: enforce.",
    ),
});

export type IdempotencyConfig = z.infer<typeof idempotency>;
