/** Calls that keep past requests, and tell of them. */
import { SignJWT } from "jose";
import type { Document } from "../../../shared/config/schema.ts";
import { SelvageError } from "../../../shared/errors.ts";
import { records as bounds } from "../../../shared/limits/records.ts";
import { withoutValues } from "../../../shared/policy/record-redaction.ts";
import type { RequestRecord } from "../../../shared/policy/request-record.ts";
import {
  EXPLAIN_TOKEN_ALGORITHM,
  EXPLAIN_TOKEN_ISSUER,
  EXPLAIN_TOKEN_TYPE,
  type ExplainToken,
  explainAudience,
  explainTokenRequestSchema,
} from "../../../shared/wire/explain-token.ts";
import { recordsQuerySchema, recordsReportSchema } from "../../../shared/wire/records.ts";
import { readJson } from "../objects/read-json.ts";
import { MAIN } from "../objects/rpc.ts";
import { gatewayKey } from "../upstream/gateway-admin.ts";
import { audit, CALL_BYTES, type Call, config } from "./call.ts";

const store = (c: Call) => c.env.RECORDS.getByName(MAIN);

export async function askRecords(c: Call): Promise<Response> {
  const { route, because, limit } = asked(c);
  const { records, leftOut } = await store(c).list({
    route,
    because,
    limit: Number(limit),
    routes: await ownRoutes(c),
  });
  await audit(
    c,
    "records",
    `${records.length} of ${route ?? "all routes"}${because === undefined ? "" : `, ${because}`}`,
  );
  return json(`{"records":[${records.map(shownTo(c)).join(",")}],"leftOut":${leftOut}}`);
}

export async function askTrace(c: Call): Promise<Response> {
  const traceId = c.req.param("trace") ?? "";
  const { records, hops } = await store(c).ofTrace(traceId, await ownRoutes(c));
  if (records.length + hops.length === 0) throw new SelvageError("record_unknown", `nothing is kept of ${traceId}`);
  await audit(c, "records", `the trace ${traceId}`);
  return json(`{"traceId":"${traceId}","records":[${records.map(shownTo(c)).join(",")}],"hops":[${hops.join(",")}]}`);
}

export async function clearRecords(c: Call): Promise<Response> {
  await store(c).clear();
  await audit(c, "records-delete", "all of them");
  return c.body(null, 204);
}

export async function reportRecords(c: Call): Promise<Response> {
  const report = await readJson(c.req.raw, recordsReportSchema, bounds.reportBytesMax);
  const { role, service } = c.get("claims");
  // An agent speaks for its own service, and never for the gateway.
  const isGateway = role === "gateway";
  const hops = isGateway ? [] : report.hops.filter((hop) => hop.service === service);
  return c.json(await store(c).report({ ...report, records: isGateway ? report.records : [], hops }));
}

/** A token by which whoever makes the call has requests to one host explained by the gateway, for a while. */
export async function explainToken(c: Call): Promise<Response> {
  const { host } = await readJson(c.req.raw, explainTokenRequestSchema, CALL_BYTES);
  const key = gatewayKey(c.env.KEY_ADMIN_SECRET);
  const issuedAt = Math.floor(Date.now() / 1000);
  const expiresAt = issuedAt + bounds.explainTokenMs / 1000;
  const token = await new SignJWT({})
    .setProtectedHeader({ alg: EXPLAIN_TOKEN_ALGORITHM, typ: EXPLAIN_TOKEN_TYPE })
    .setSubject(c.get("claims").sub)
    .setIssuer(EXPLAIN_TOKEN_ISSUER)
    .setAudience(explainAudience(host))
    .setIssuedAt(issuedAt)
    .setExpirationTime(expiresAt)
    .sign(key);
  await audit(c, "explain-token", `requests to ${host}`);
  return c.json({ token, expiresAtMs: expiresAt * 1000 } satisfies ExplainToken, 201);
}

const json = (text: string): Response => new Response(text, { headers: { "content-type": "application/json" } });

/** As a tap does: values of headers, queries and claims are for administrators. @returns of the text of a record that which is told */
function shownTo(c: Call): (text: string) => string {
  if (c.get("claims").role === "admin") return (text) => text;
  return (text) => JSON.stringify(withoutValues(JSON.parse(text) as RequestRecord));
}

/** The routes whose records an owner may see: its own. @returns undefined: all */
async function ownRoutes(c: Call): Promise<string[] | undefined> {
  const { role, owners = [] } = c.get("claims");
  if (role !== "owner") return undefined;
  const live = await config(c).live();
  const { gateway } = JSON.parse(live?.document ?? "{}") as Partial<Document>;
  const routes = gateway?.routes ?? [];
  return routes.filter(({ owner }) => owner !== undefined && owners.includes(owner)).map(({ name }) => name);
}

/** @throws SelvageError bad_request */
function asked(c: Call) {
  const read = recordsQuerySchema.safeParse(c.req.query());
  if (read.success) return read.data;
  const errors = read.error.issues.map(({ path, message }) => ({ path, message }));
  throw new SelvageError("bad_request", `a query of records that cannot be read: ${JSON.stringify(errors)}`, {
    members: { errors },
  });
}
