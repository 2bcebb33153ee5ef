/** How long this agent's credentials are good, as they say themselves. */
import { X509Certificate } from "node:crypto";
import { type GoodUntil, goodUntil } from "../../shared/policy/outage-budget.ts";
import type { AgentIdentity } from "../tls/identity.ts";

/**
 * @param roots PEM, those that are believed
 * @param needsToken it has nothing else to prove itself by when the token has ended
 */
export function standingOf(
  { certificates, token }: Pick<AgentIdentity, "certificates" | "token">,
  roots: readonly string[],
  needsToken: boolean,
): GoodUntil {
  const chain = certificates.map((pem) => new X509Certificate(pem));
  const last = chain.at(-1);
  const ends = roots.map((pem) => new X509Certificate(pem)).filter((root) => last?.checkIssued(root));
  return goodUntil({
    certificateMs: Math.min(...chain.map(endOf)),
    trustMs: ends.length === 0 ? Number.POSITIVE_INFINITY : Math.max(...ends.map(endOf)),
    tokenMs: needsToken ? tokenEndMs(token) : undefined,
  });
}

const endOf = ({ validTo }: X509Certificate): number => Date.parse(validTo);

/** What the agent's own token says of its end; whether it is genuine is for others to find out. */
function tokenEndMs(token: string): number | undefined {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
    const isObject = typeof claims === "object" && claims !== null && "exp" in claims;
    return isObject && typeof claims.exp === "number" ? claims.exp * 1000 : undefined;
  } catch {
    return undefined;
  }
}
