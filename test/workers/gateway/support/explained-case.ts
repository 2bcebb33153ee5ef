/** A drawn request as it is sent and as it is explained. */
import { decodeJwt, decodeProtectedHeader } from "jose";
import type { Credential, ExplainRequest } from "../../../../shared/plan/explain-step.ts";
import type { DrawnRequest } from "../../../support/explain-cases/draw-request.ts";
import type { Shown } from "../../../support/explain-cases/draw-shown.ts";
import { derOf, type World } from "./explained-world.ts";
import type { Gateway } from "./gateway.ts";
import { nowSeconds, signed } from "./sign.ts";

export interface Case {
  readonly request: ExplainRequest;
  readonly send: () => Promise<Response>;
}

/** What a credential adds to a request. */
interface Proven {
  readonly fields?: readonly (readonly [name: string, value: string])[];
  readonly credential?: Credential;
  /** As the platform tells of a client certificate. */
  readonly cf?: object;
}

export async function caseOf(drawn: DrawnRequest, gateway: Gateway, world: World): Promise<Case> {
  const { method, host, path, query, clientIp, body } = drawn;
  const { fields = [], credential = { kind: "none" }, cf } = await prove(drawn, world);
  const own =
    body === undefined
      ? []
      : ([
          ["content-length", String(body.text.length)],
          ["content-type", body.type],
        ] as const);
  const headers = [...drawn.headers, ...fields, ...own, ["cf-connecting-ip", clientIp] as const];
  const sent = new Headers(headers.map(([name, value]): [string, string] => [name, value]));
  // What the platform says beside the request stands among the fields of the question.
  const told = cf === undefined ? [] : fields.filter(([name]) => name === "client-cert");
  for (const [name] of told) sent.delete(name);
  const request = {
    ...{ method, host, scheme: "http" as const, path, query, clientIp, credential },
    headers: [...sent, ...told],
  } as const;
  const init = { method, headers: sent, host, redirect: "manual", ...(cf && { cf }), ...(body && { body: body.text }) };
  return { request, send: () => gateway.fetch(path + query, init as RequestInit) };
}

async function prove(drawn: DrawnRequest, world: World): Promise<Proven> {
  const { shown } = drawn;
  switch (shown.kind) {
    case "none":
      return {};
    case "basic":
      return { fields: [["authorization", "Basic YTpi"]] };
    case "broken":
      return {
        fields: [["authorization", "Bearer no.token"]],
        credential: { kind: "malformed", reason: "the token is not a JWT" },
      };
    case "token":
      return withToken(await world.issuer.sign(shown.claims), "Bearer");
    case "bound":
      return bound(drawn, shown, world);
    case "key": {
      const { text, record } = world.keys[shown.at] as World["keys"][number];
      return { fields: [["x-api-key", text]], credential: { kind: "key", record } };
    }
    case "certificate": {
      const der = derOf(shown.name);
      const told = { certPresented: "1", certVerified: "SUCCESS", certRevoked: "0", certRFC9440: der };
      return { fields: [["client-cert", der]], cf: { tlsClientAuth: told } };
    }
    case "signature":
      return { fields: await signatureOf(drawn, shown.fault, world) };
    case "opaque":
      return {
        fields: [["authorization", `Bearer ${shown.token}`]],
        credential: { kind: "malformed", reason: "the token is not a JWT" },
      };
  }
}

function withToken(token: string, scheme: "Bearer" | "DPoP"): Proven {
  return {
    fields: [["authorization", `${scheme} ${token}`]],
    credential: { kind: "token", header: { ...decodeProtectedHeader(token) }, claims: decodeJwt(token) },
  };
}

async function bound(
  { method, host, path }: DrawnRequest,
  { claims, fault }: Extract<Shown, { kind: "bound" }>,
  { issuer, client }: World,
): Promise<Proven> {
  const token = await issuer.sign({ ...claims, cnf: { jkt: client.jkt } });
  const { fields = [], credential } = withToken(token, fault === "scheme" ? "Bearer" : "DPoP");
  const url = `http://${host}${fault === "path" ? "/elsewhere" : path}`;
  const proof = await client.proof({ token, url, method: fault === "method" ? "LOCK" : method });
  const proofs = fault === "missing" ? [] : [["dpop", proof] as const];
  return { fields: [...fields, ...proofs], ...(credential && { credential }) };
}

async function signatureOf(
  { method, host, path, query }: DrawnRequest,
  fault: Extract<Shown, { kind: "signature" }>["fault"],
  { signer }: World,
): Promise<[string, string][]> {
  const keyid = fault === "keyid" ? "another" : signer.keyid;
  const created = nowSeconds() - (fault === "old" ? 3600 : 0);
  const made = await signed((base) => signer.sign(fault === "bytes" ? `${base}!` : base), {
    ...{ method, authority: host.toLowerCase(), path, query, keyid },
    covered: fault === "covered" ? ["@method"] : ["@method", "@path"],
    params: `;created=${created};keyid="${keyid}"`,
  });
  return Object.entries(made);
}
