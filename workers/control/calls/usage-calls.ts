/** Calls that tell of usage. */
import { SelvageError } from "../../../shared/errors.ts";
import { limits } from "../../../shared/limits.ts";
import {
  mergeGroups,
  outagesOf,
  type UsageGroups,
  type UsageRow,
  usageRows,
} from "../../../shared/policy/usage-report.ts";
import { oldestKeptMs, resolutionFor, slotStartMs } from "../../../shared/policy/usage-rollup.ts";
import { type UsageAnswer, type UsageQuery, usageQuerySchema } from "../../../shared/wire/usage.ts";
import type { UsageSums } from "../objects/usage-rpc.ts";
import { askUsage } from "../upstream/usage-shards.ts";
import type { Call } from "./call.ts";

export async function usage(c: Call): Promise<Response> {
  const { by, route, consumer, of: end, windowMs: told, each } = asked(c);
  const [nowMs, windowMs] = [Date.now(), Number(told)];
  const of = resolutionFor(windowMs);
  const { slotMs } = limits.usage.resolutions[of];
  const fromMs = Math.max(slotStartMs(of, nowMs - windowMs), oldestKeptMs(of, nowMs));
  const slots = await askUsage(c.env, { by, route, consumer, of: end, windowMs, atMs: nowMs });
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

/** @throws SelvageError bad_request */
function asked(c: Call): UsageQuery {
  const read = usageQuerySchema.safeParse(c.req.query());
  if (read.success) return read.data;
  const errors = read.error.issues.map(({ path, message }) => ({ path, message }));
  throw new SelvageError("bad_request", `a query of usage that cannot be read: ${JSON.stringify(errors)}`, {
    members: { errors },
  });
}
