/** Calls that tell of usage. */
import type * as z from "zod/mini";
import { SelvageError } from "../../../shared/errors.ts";
import { limits } from "../../../shared/limits.ts";
import { shadowRows } from "../../../shared/policy/shadow-report.ts";
import {
  mergeGroups,
  outagesOf,
  type UsageGroups,
  type UsageRow,
  usageRows,
} from "../../../shared/policy/usage-report.ts";
import { oldestKeptMs, resolutionFor, slotStartMs } from "../../../shared/policy/usage-rollup.ts";
import { type ShadowAnswer, shadowQuerySchema } from "../../../shared/wire/shadow.ts";
import { type UsageAnswer, usageQuerySchema } from "../../../shared/wire/usage.ts";
import type { UsageSums } from "../objects/usage-rpc.ts";
import { askUsage } from "../upstream/usage-shards.ts";
import type { Call } from "./call.ts";

export async function usage(c: Call): Promise<Response> {
  const { by, route, consumer, of, windowMs: told, each } = asked(c, usageQuerySchema);
  const [nowMs, windowMs] = [Date.now(), Number(told)];
  const { slotMs } = limits.usage.resolutions[resolutionFor(windowMs)];
  const fromMs = firstSlotMs(windowMs, nowMs);
  const slots = await askUsage(c.env, { by, route, consumer, of, windowMs, atMs: nowMs });
  const sums: UsageGroups = new Map();
  for (const { groups } of slots) mergeGroups(sums, groups);
  const rows = usageRows(sums, by, nowMs - fromMs);
  const { rowsMax } = limits.usage;
  const shown = rows.slice(0, rowsMax);
  return c.json({
    ...{ by, fromMs, toMs: nowMs, slotMs },
    rows: by === "services" ? shown.map((row) => withOutages(row, slots, slotMs)) : shown,
    leftOut: rows.length - shown.length,
    ...(each !== undefined && {
      slots: slots.map(({ atMs, groups }) => ({ atMs, rows: usageRows(groups, by, slotMs).slice(0, rowsMax) })),
    }),
  } satisfies UsageAnswer);
}

function withOutages(row: UsageRow, slots: UsageSums, slotMs: number): UsageRow {
  const own = slots.flatMap(({ atMs, groups }) => {
    const counts = groups.get(row.name);
    return counts === undefined ? [] : [{ atMs, counts }];
  });
  return { ...row, down: outagesOf(own, slotMs) };
}

/** What would happen if policies in shadow were enforced. */
export async function shadow(c: Call): Promise<Response> {
  const windowMs = Number(asked(c, shadowQuerySchema).windowMs);
  const nowMs = Date.now();
  const groups: UsageGroups = new Map();
  for (const slot of await askUsage(c.env, { by: "shadow", windowMs, atMs: nowMs })) mergeGroups(groups, slot.groups);
  const rows = shadowRows(groups);
  const shown = rows.slice(0, limits.usage.rowsMax);
  const answer: ShadowAnswer = {
    ...{ fromMs: firstSlotMs(windowMs, nowMs), toMs: nowMs },
    ...{ rows: shown, leftOut: rows.length - shown.length },
  };
  return c.json(answer);
}

/** Start of the oldest slot that a window is told of. */
function firstSlotMs(windowMs: number, nowMs: number): number {
  const of = resolutionFor(windowMs);
  return Math.max(slotStartMs(of, nowMs - windowMs), oldestKeptMs(of, nowMs));
}

/** @throws SelvageError bad_request */
function asked<Query>(c: Call, schema: z.ZodMiniType<Query>): Query {
  const read = schema.safeParse(c.req.query());
  if (read.success) return read.data;
  const errors = read.error.issues.map(({ path, message }) => ({ path, message }));
  throw new SelvageError("bad_request", `a query of usage that cannot be read: ${JSON.stringify(errors)}`, {
    members: { errors },
  });
}
