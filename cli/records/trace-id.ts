import { limits } from "../../shared/limits.ts";
import { CliError, exitCodes } from "../cli-error.ts";
import type { ControlClient } from "../control-client.ts";

/** What somebody has in hand of a trace. */
export type TraceName = { readonly traceId: string } | { readonly spanId: string };

/** @param text a trace's id, a whole `traceparent`, or the id of a span at the gateway */
export function traceName(text: string): TraceName {
  const given = text.trim().toLowerCase();
  const [, traceId] = /^(?:[0-9a-f]{2}-)?([0-9a-f]{32})(?:-[0-9a-f]{16}-[0-9a-f]{2})?$/.exec(given) ?? [];
  if (traceId !== undefined) return { traceId };
  if (/^[0-9a-f]{16}$/.test(given)) return { spanId: given };
  throw new CliError(
    exitCodes.usage,
    `${text} is no trace: 32 hexadecimal digits, as \`traceId\` of a problem or of the access log, or a whole \`traceparent\``,
  );
}

/** @returns undefined: no record has that span */
export async function traceIdOf(client: ControlClient, name: TraceName): Promise<string | undefined> {
  if ("traceId" in name) return name.traceId;
  const { records } = await client.records({ limit: String(limits.records.answerMax) });
  return records.find(({ entry }) => entry.spanId === name.spanId)?.entry.traceId;
}
