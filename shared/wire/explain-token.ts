/**
 * Tokens by which an operator has a real request explained: `X-Selvage-Explain: TOKEN`. JWT, HS256 under the key that the control
 * plane shares with the gateway (`KEY_ADMIN_SECRET`), `typ` below, `aud` the host that is asked.
 *
 *   POST /v1/explain-tokens  ExplainTokenRequest  201 ExplainToken; role `admin`
 *
 * The answer says in `Selvage-Explain` what was decided: `Explained` as JSON, in base64url.
 */
import * as z from "zod/mini";
import type { AccessLogEntry } from "../http/access-log.ts";
import { limits } from "../limits.ts";
import type { RecordedDecision } from "../policy/request-record.ts";

export const EXPLAIN_TOKEN_TYPE = "selvage-explain+jwt";
export const EXPLAIN_TOKEN_ISSUER = "selvage";
export const EXPLAIN_TOKEN_ALGORITHM = "HS256";

/** @param host in lower case, without port */
export const explainAudience = (host: string): string => `explain:${host}`;

export const explainTokenRequestSchema = z.object({
  /** In lower case, without port. */
  host: z.string().check(z.regex(/^[0-9a-z_.:-]+$/), z.maxLength(limits.wire.hostCharsMax)),
});
export type ExplainTokenRequest = z.infer<typeof explainTokenRequestSchema>;

export interface ExplainToken {
  readonly token: string;
  readonly expiresAtMs: number;
}

const shownEntry = z.looseObject({ traceId: z.string(), status: z.number(), plan: z.number() });
export const explainedSchema = z.object({
  entry: z.custom<AccessLogEntry>((one) => shownEntry.safeParse(one).success),
  decisions: z.array(z.custom<RecordedDecision>((one) => typeof one === "object" && one !== null)),
});
export type Explained = z.infer<typeof explainedSchema>;
