/** Which tokens of the control API may be made with which: none gives more than the one that it is made with. */

export interface TokenRights {
  readonly role: string;
  /** Of an `owner`. */
  readonly owners?: readonly string[] | undefined;
  readonly expiresAtMs: number;
}

/** What each role may hand on. */
const GIVES: ReadonlyMap<string, readonly string[]> = new Map([
  ["admin", ["admin", "owner", "viewer", "gateway"]],
  ["owner", ["owner", "viewer"]],
]);

/**
 * Why a token cannot be made, or undefined when it can. Only an administrator's lesser tokens may outlive the one that they
 * are made with: who may do everything for a day could otherwise make that a year.
 */
export function refuseGrant(maker: TokenRights, asked: TokenRights): string | undefined {
  if (GIVES.get(maker.role)?.includes(asked.role) !== true)
    return `a token of role ${maker.role} makes none of role ${asked.role}`;
  if (asked.role === "owner" && asked.owners === undefined) return "a token of role owner names its owners";
  if (asked.role !== "owner" && asked.owners !== undefined) return `a token of role ${asked.role} has no owners`;
  const others = asked.owners?.filter((owner) => maker.role !== "admin" && maker.owners?.includes(owner) !== true);
  if (others !== undefined && others.length > 0) return `this token does not act for ${others.join(", ")}`;
  const isLesser = maker.role === "admin" && asked.role !== "admin";
  if (!isLesser && asked.expiresAtMs > maker.expiresAtMs)
    return `a token of role ${asked.role} does not outlive the one that it is made with`;
  return undefined;
}
