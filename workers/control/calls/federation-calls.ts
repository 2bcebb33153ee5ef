/** Calls about federation. Shapes: `shared/wire/federation.ts`. */
import { SelvageError } from "../../../shared/errors.ts";
import type { FederationStatus } from "../../../shared/wire/federation.ts";
import { audit, authority, type Call } from "./call.ts";

/** For other trust domains, which have no token (SPIFFE Federation section 5.2.1.3). */
export async function ownBundle(c: Call): Promise<Response> {
  const { bundle } = await authority(c).federation({ type: "ask" });
  if (bundle === undefined) throw new SelvageError("no_route", "there is no authority before the first apply");
  return c.body(bundle, 200, { "content-type": "application/json", "cache-control": "no-cache" });
}

export async function askFederation(c: Call): Promise<Response> {
  return c.json((await authority(c).federation({ type: "ask" })).status satisfies FederationStatus);
}

export async function refreshFederation(c: Call): Promise<Response> {
  const { status } = await authority(c).federation({ type: "refresh" });
  const failed = status.partners.filter(({ failure }) => failure !== undefined).length;
  await audit(c, "federation-refresh", `partners: ${status.partners.length}, without a new bundle: ${failed}`);
  return c.json(status satisfies FederationStatus);
}
