/** The identity that an agent starts with, of the control plane's authority or of an outside issuer. */
import { type Obtained, type ObtainOptions, obtainIdentity } from "./obtain-identity.ts";
import type { SvidJoin } from "./svid-way.ts";

export interface TakeOptions extends ObtainOptions {
  /** Absent: it is of the control plane's authority. */
  readonly svid?: SvidJoin | undefined;
}

/** Waits for what it needs. @throws when there is no way to an identity, with what to do */
export async function takeIdentity({ svid, ...options }: TakeOptions): Promise<Obtained> {
  if (svid === undefined) return obtainIdentity(options);
  // Few have one: a process keeps in memory what it has loaded.
  const { SvidWay } = await import("./svid-way.ts");
  const way = await SvidWay.open({ ...options, svid });
  return { ...(await way.first()), svid: way };
}
