/** The parties around a gateway in the cases of `explain`: issuers, who is asked, upstreams and the agents of services. */
import { decodeJwt } from "jose";
import { decideAccess } from "../../../../shared/auth/access.ts";
import type { KeyRecord } from "../../../../shared/auth/api-key.ts";
import { CONTRACT_FORMAT, type Contract, type ContractOperation } from "../../../../shared/contract/contract.ts";
import { errorTable } from "../../../../shared/errors.ts";
import { ERROR_CODE } from "../../../../shared/http/header-names.ts";
import { canonicalJson } from "../../../../shared/plan/canonical-json.ts";
import type { Plan } from "../../../../shared/plan/plan.ts";
import { sha256Base64url } from "../../../../workers/gateway/upstream/sha256.ts";
import { certificates } from "../../../support/client-certificates.ts";
import { CONTRACT } from "../../../support/explain-cases/draw-guards.ts";
import type { Parties } from "../../../support/explain-cases/draw-providers.ts";
import { createClient, type DpopClient } from "./dpop.ts";
import { AUDIENCE, createIssuer, ISSUER, type Issuer } from "./issuer.ts";
import { createKey } from "./keys.ts";
import { ed25519Signer, type Signer } from "./sign.ts";

const OPAQUE = "https://opaque.example/";
const PERMIT = "https://permit.example/";

export interface World {
  readonly parties: Parties;
  readonly issuer: Issuer;
  readonly client: DpopClient;
  readonly signer: Signer;
  readonly keys: readonly { readonly text: string; readonly record: KeyRecord }[];
  /** What routes are held to, by its digest. */
  readonly contract: { readonly digest: string; readonly bytes: Uint8Array<ArrayBuffer> };
  /** Digests for the compiler. */
  readonly artifacts: Readonly<Record<string, string>>;
}

const GRANTS = [{ scopes: ["read"] }, { scopes: ["read", "write"], plan: "gold", groups: ["staff"] }, { scopes: [] }];

export async function startWorld(): Promise<World> {
  const signer = await ed25519Signer("signer-1");
  const keys = [];
  for (const grant of GRANTS) {
    const { key: text, record } = await createKey(grant);
    keys.push({ text, record });
  }
  const bytes = Uint8Array.from(new TextEncoder().encode(canonicalJson(contract())));
  const digest = await sha256Base64url(bytes);
  const { kty, crv, x } = signer.jwk as unknown as Record<string, unknown>;
  return {
    issuer: await createIssuer(),
    client: await createClient(),
    ...{ signer, keys, contract: { digest, bytes }, artifacts: { [`contracts.${CONTRACT}`]: digest } },
    parties: {
      ...{ issuer: ISSUER, audience: AUDIENCE, opaqueIssuer: OPAQUE },
      certificateIssuer: "CN=Devices CA,O=Example\\, Inc.,C=DE",
      signer: { keyid: signer.keyid, jwk: { kty, crv, x } },
    },
  };
}

export const derOf = (name: keyof typeof certificates): string => `:${certificates[name]}:`;

/** Some of the words of the cases, some with nothing to judge and some with a parameter. */
function contract(): Contract {
  const operation = (method: string, path: string, more: Partial<ContractOperation> = {}): ContractOperation => ({
    ...{ id: `${method} ${path}`, method, path, parameters: [], responses: { default: { content: [], headers: [] } } },
    ...more,
  });
  const id = { name: "id", in: "path", required: true, schema: "Id", shape: { types: ["integer"] } } as const;
  return {
    ...{ format: CONTRACT_FORMAT, title: "Shop", version: "1", basePath: "" },
    operations: [
      operation("GET", "/"),
      operation("GET", "/orders"),
      operation("POST", "/orders", {
        body: { required: true, content: [{ mediaType: "application/json", schema: "Order" }] },
      }),
      operation("GET", "/orders/{id}", { parameters: [id] }),
      operation("GET", "/items/{id}", { parameters: [id], modes: { requests: "shadow" } }),
      operation("DELETE", "/items/{id}"),
      operation("GET", "/v1/orders"),
      operation("PUT", "/v1/{id}", { parameters: [id] }),
    ],
    schemas: {
      Id: JSON.stringify({ type: ["integer"] }),
      Order: JSON.stringify({ type: ["object"], required: ["items"] }),
    },
  };
}

/** Everybody outside of the gateway. */
export async function outside({ issuer }: World, plan: Plan, request: Request): Promise<Response> {
  const { url } = request;
  if (url.startsWith(OPAQUE)) return Response.json(introspected(await request.clone().text()));
  if (url.startsWith(PERMIT)) return Response.json({ decision: isPermitted(await request.clone().text()) });
  return issuer.answer(url) ?? answerAs(plan, request);
}

function introspected(form: string): object {
  const token = new URLSearchParams(form).get("token") ?? "";
  if (token === "of-alice") return { active: true, sub: "alice", scope: "read", groups: ["staff"] };
  return token === "of-bob" ? { active: true, sub: "bob", scope: "read write", tenant: "acme" } : { active: false };
}

const isPermitted = (question: string): boolean => JSON.parse(question).subject.id !== "bob";

/** Plays the ingress, and the service's agent behind it, whose verdict is that of the real one. */
function answerAs(plan: Plan, request: Request): Response {
  const { pathname } = new URL(request.url);
  const service = request.headers.get("selvage-service");
  const token = request.headers.get("txn-token");
  if (service === null || token === null) return goodAnswer(request);
  const { scope, ...claims } = decodeJwt(token);
  const scopes = String(scope)
    .split(" ")
    .filter((one) => one !== "");
  const asked = { from: "gateway", scopes, claims, method: request.method, path: pathname };
  const verdict = decideAccess(plan.mesh.services[service]?.access, asked);
  if (verdict.allowed) return goodAnswer(request);
  return new Response(null, { status: errorTable[verdict.code].status, headers: { [ERROR_CODE]: verdict.code } });
}

function goodAnswer({ headers }: Request): Response {
  if (headers.get("upgrade") === "websocket") {
    const [near, far] = Object.values(new WebSocketPair());
    far?.accept();
    return new Response(null, { status: 101, webSocket: near ?? null });
  }
  return Response.json({ ok: true, id: 42, name: "items" }, { headers: { "x-inside": "secret" } });
}
