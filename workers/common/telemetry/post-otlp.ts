/** One request of OTLP/HTTP, and what became of it. */
import { joinBytes } from "../../../shared/http/join-bytes.ts";
import { telemetry } from "../../../shared/limits/telemetry.ts";
import { MissingSecret, withSecrets } from "../../../shared/policy/header-edits.ts";
import {
  type ExportOutcome,
  judgeExport,
  otlpContentType,
  type Signal,
  signalPath,
} from "../../../shared/telemetry/otlp-request.ts";
import type { OtlpSettings } from "../../../shared/telemetry/settings.ts";

const { answerBytesMax } = telemetry;

export interface OtlpPost {
  readonly signal: Signal;
  /** A body of `otlpRequest`. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Values of `${secret:NAME}`. */
  readonly secretOf: (name: string) => string | undefined;
  readonly userAgent: string;
  /** Where it is to be over sooner than the settings say. */
  readonly withinMs?: number;
}

/** Never fails. */
export async function postOtlp(settings: OtlpSettings, post: OtlpPost): Promise<ExportOutcome> {
  const { endpoint, compression, timeoutMs } = settings;
  const { signal, bytes, userAgent, withinMs = timeoutMs } = post;
  try {
    const fields = Object.entries(settings.headers).map(([name, value]) => [name, withSecrets(value, post.secretOf)]);
    const headers = { ...Object.fromEntries(fields), "content-type": otlpContentType, "user-agent": userAgent };
    const isPacked = compression === "gzip";
    const answer = await fetch(endpoint + signalPath[signal], {
      method: "POST",
      headers: isPacked ? { ...headers, "content-encoding": "gzip" } : headers,
      body: isPacked ? await packed(bytes) : bytes,
      redirect: "manual",
      signal: AbortSignal.timeout(Math.max(1, Math.min(timeoutMs, withinMs))),
    });
    const said = answer.body === null ? new Uint8Array() : await readSome(answer.body);
    return judgeExport(answer.status, answer.headers.get("retry-after"), said, Date.now());
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    return { kind: cause instanceof MissingSecret ? "refused" : "retry", reason };
  }
}

function packed(bytes: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

/** All of a short answer; nothing of a longer one, which nobody needs. The signal of its request bounds the time. */
async function readSome(body: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const reader = body.getReader();
  const chunks: Uint8Array[] = [];
  for (let bytes = 0; ; ) {
    const { done, value } = await reader.read();
    if (done) return joinBytes(chunks, bytes);
    bytes += value.byteLength;
    if (bytes > answerBytesMax) {
      await reader.cancel();
      return new Uint8Array();
    }
    chunks.push(value);
  }
}
