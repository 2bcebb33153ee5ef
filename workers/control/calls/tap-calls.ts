/** Calls of those who tap, and of the sources that report to them. */
import { SelvageError } from "../../../shared/errors.ts";
import { limits } from "../../../shared/limits.ts";
import { type TapRequest, tapRequestSchema, tapsReportSchema } from "../../../shared/wire/taps.ts";
import { readJson } from "../objects/read-json.ts";
import { MAIN } from "../objects/rpc.ts";
import { audit, CALL_BYTES, type Call, granted } from "./call.ts";

const taps = (c: Call) => c.env.TAPS.getByName(MAIN);

export async function openTap(c: Call): Promise<Response> {
  const request = await readJson(c.req.raw, tapRequestSchema, CALL_BYTES);
  const { role, sub } = c.get("claims");
  if (request.reveal && role !== "admin")
    throw new SelvageError("role_missing", `a tap that reveals values needs role admin, ${sub} has ${role}`);
  const opened = granted(await taps(c).open(request, sub));
  await audit(c, "tap", describe(request));
  return c.json(opened, 201);
}

/** As the audit log has it. */
function describe({ filter, reveal, perSecond, forMs }: TapRequest): string {
  const shown = reveal ? ", values revealed" : "";
  return `${JSON.stringify(filter)}, ${perSecond}/s for ${Math.ceil(forMs / 1_000)} s${shown}`;
}

export async function readTap(c: Call): Promise<Response> {
  return c.json(granted(await taps(c).read(c.req.param("id") ?? "", c.get("claims").sub)));
}

export async function closeTap(c: Call): Promise<Response> {
  await taps(c).close(c.req.param("id") ?? "", c.get("claims").sub);
  return c.body(null, 204);
}

export async function reportTaps(c: Call): Promise<Response> {
  const { taps: reports } = await readJson(c.req.raw, tapsReportSchema, limits.taps.reportBytesMax);
  const { role, service } = c.get("claims");
  // An agent speaks for its own service, and never for the gateway.
  const isOwn = role === "gateway" ? isGateway : (one: Entry) => one.hop !== "gateway" && one.service === service;
  const own = reports.map((report) => ({ ...report, entries: report.entries.filter(isOwn) }));
  return c.json(await taps(c).report(own));
}

interface Entry {
  readonly hop: string;
  readonly service: string;
}

const isGateway = ({ hop }: Entry): boolean => hop === "gateway";
