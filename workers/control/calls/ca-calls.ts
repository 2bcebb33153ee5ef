/** Calls about the certificate authority; what they do is in the audit log. Shapes: `shared/wire/ca.ts`. */
import {
  authorRequestSchema,
  type CaStatus,
  type CsrAnswer,
  csrRequestSchema,
  type DeniedInfo,
  type DeniedList,
  denyRequestSchema,
  forceRequestSchema,
  type ImportChainAnswer,
  importChainRequestSchema,
  rotateCaRequestSchema,
} from "../../../shared/wire/ca.ts";
import { readJson } from "../objects/read-json.ts";
import { actorOf, authority, CALL_BYTES, type Call, granted } from "./call.ts";

export async function askCa(c: Call): Promise<Response> {
  return c.json((await authority(c).ca()) satisfies CaStatus);
}

export async function issuanceLog(c: Call): Promise<Response> {
  return c.json({ entries: await authority(c).issuanceLog() });
}

export async function rotateCa(c: Call): Promise<Response> {
  const { author, ...order } = await readJson(c.req.raw, rotateCaRequestSchema, CALL_BYTES);
  const status = granted(await authority(c).orderCa({ type: "rotate", ...order }, actorOf(c, author)));
  return c.json(status satisfies CaStatus, 202);
}

export async function forceCa(c: Call): Promise<Response> {
  const { author, ...order } = await readJson(c.req.raw, forceRequestSchema, CALL_BYTES);
  return c.json(
    granted(await authority(c).orderCa({ type: "force", ...order }, actorOf(c, author))) satisfies CaStatus,
  );
}

export async function abortCa(c: Call): Promise<Response> {
  const { author } = await readJson(c.req.raw, authorRequestSchema, CALL_BYTES);
  return c.json(granted(await authority(c).orderCa({ type: "abort" }, actorOf(c, author))) satisfies CaStatus);
}

export async function requestIssuer(c: Call): Promise<Response> {
  const { fresh = false, author } = await readJson(c.req.raw, csrRequestSchema, CALL_BYTES);
  return c.json(granted(await authority(c).requestIssuer(fresh, actorOf(c, author))) satisfies CsrAnswer);
}

export async function importChain(c: Call): Promise<Response> {
  const { chain, author } = await readJson(c.req.raw, importChainRequestSchema, CALL_BYTES);
  return c.json(granted(await authority(c).importChain(chain, actorOf(c, author))) satisfies ImportChainAnswer, 202);
}

export async function deny(c: Call): Promise<Response> {
  const request = await readJson(c.req.raw, denyRequestSchema, CALL_BYTES);
  return c.json(granted(await authority(c).deny(request, actorOf(c))) satisfies DeniedInfo, 201);
}

export async function lift(c: Call): Promise<Response> {
  const id = c.req.param("id") ?? "";
  return c.json(granted(await authority(c).lift(id, actorOf(c))) satisfies DeniedInfo);
}

export async function denied(c: Call): Promise<Response> {
  return c.json((await authority(c).denied()) satisfies DeniedList);
}
