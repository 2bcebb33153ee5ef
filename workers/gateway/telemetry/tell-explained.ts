/** Answers that say what was decided about their requests, for operators with a token. */
import { base64url, jwtVerify } from "jose";
import { credentialNamesOf } from "../../../shared/auth/credential-names.ts";
import type { GatewayLogEntry } from "../../../shared/http/access-log.ts";
import { EXPLAINED } from "../../../shared/http/header-names.ts";
import { records as limits } from "../../../shared/limits/records.ts";
import type { RequestRecord } from "../../../shared/policy/request-record.ts";
import {
  EXPLAIN_TOKEN_ALGORITHM,
  EXPLAIN_TOKEN_ISSUER,
  EXPLAIN_TOKEN_TYPE,
  type Explained,
  explainAudience,
} from "../../../shared/wire/explain-token.ts";
import { answerHeaders, dropStoring } from "../upstream/answer-headers.ts";
import type { Context } from "../upstream/context.ts";
import type { GatewayEnv } from "../upstream/exchange.ts";
import { recordOf } from "./make-record.ts";
import { wholeEntry } from "./whole-entry.ts";

/** Believes a token or passes it over; nobody is told which. */
export async function believeExplain(c: Context<GatewayEnv>, token: string): Promise<undefined> {
  const secret = c.env.KEY_ADMIN_SECRET;
  if (secret === undefined || !/^[\w-]{43,}$/.test(secret)) return;
  const isGood = await jwtVerify(token, base64url.decode(secret), {
    algorithms: [EXPLAIN_TOKEN_ALGORITHM],
    typ: EXPLAIN_TOKEN_TYPE,
    issuer: EXPLAIN_TOKEN_ISSUER,
    audience: explainAudience(c.get("target").host),
    requiredClaims: ["exp", "iat", "sub"],
    maxTokenAge: limits.explainTokenMs / 1000,
    clockTolerance: limits.explainSkewMs / 1000,
  }).then(
    () => true,
    () => false,
  );
  if (isGood) c.set("explained", (entry) => tell(c, entry));
}

/** No answer fails because it is not explained. */
function tell(c: Context<GatewayEnv>, entry: GatewayLogEntry): void {
  // Of a connection that has changed its protocol the head is gone by the time.
  if (c.res.status === 101) return;
  try {
    const held: GatewayEnv["Variables"]["held"] | undefined = c.get("held");
    const names = credentialNamesOf(held?.plan.identity ?? {});
    const headers = answerHeaders(c);
    headers.set(EXPLAINED, textOf(recordOf(c, wholeEntry(entry, c), "asked", names, undefined)));
    // It says who asked, and is for nobody else.
    dropStoring(headers);
    headers.set("cache-control", "no-store");
  } catch (error) {
    console.warn(JSON.stringify({ kind: "explain", reason: String(error) }));
  }
}

function textOf({ entry, decisions }: RequestRecord): string {
  const { explainedCharsMax, valueCharsMax } = limits;
  const short = { ...entry, path: entry.path.slice(0, valueCharsMax) };
  const { reason } = entry;
  const told = reason === undefined ? short : { ...short, reason: reason.slice(0, valueCharsMax) };
  for (let first = 0; ; first++) {
    const explained: Explained = { entry: told, decisions: decisions.slice(first) };
    const text = base64url.encode(JSON.stringify(explained));
    // What decided stands last.
    if (text.length <= explainedCharsMax || first >= decisions.length) return text;
  }
}
