import { GATEWAY_SERVICE } from "../../../shared/identity/spiffe-id.ts";
import { agentPlan } from "../../../shared/plan/agent-face.ts";
import { canonicalJson } from "../../../shared/plan/canonical-json.ts";
import type { Plan } from "../../../shared/plan/plan.ts";
import { sha256Hex } from "../authority/bytes.ts";
import type { Publication } from "./rpc.ts";

/** The faces of a plan: one a service, and the ingress's. */
export async function facesOf(plan: Plan): Promise<Publication["faces"]> {
  const services = new Set([...Object.keys(plan.mesh.services), GATEWAY_SERVICE]);
  const faces: { service: string; hash: string; plan: string }[] = [];
  for (const service of services) {
    const face = agentPlan(plan, service);
    if (face === undefined) continue;
    const json = canonicalJson(face);
    faces.push({ service, hash: await sha256Hex(json), plan: json });
  }
  return faces;
}
