import type { Path } from "../config/problem.ts";
import { bindingsOf, callPath, isClientStreaming, ruleText } from "../transcode/bindings.ts";
import { readDescriptor } from "../transcode/descriptor.ts";
import { capturedText, findMethod, indexMethods } from "../transcode/method-index.ts";
import { type HttpRequest, requestMessage } from "../transcode/request-message.ts";
import type { TranscodeSettings } from "../transcode/settings.ts";
import { type ExplainStep, step } from "./explain-step.ts";
import type { KnownArtifacts } from "./known-artifacts.ts";

export interface ExplainedCall {
  readonly steps: readonly ExplainStep[];
  /** Path that the method is called at; absent: that is not known, or there is none. */
  readonly path?: string;
}

/**
 * Which method a request is a call of.
 * @param request as it goes to the upstream
 */
export function explainTranscode(
  settings: TranscodeSettings,
  at: Path,
  request: { readonly method: string; readonly path: string; readonly query: string },
  artifacts: KnownArtifacts | undefined,
): ExplainedCall {
  const place = [...at, "transcode"];
  const registry = artifacts?.read(settings.descriptor, readDescriptor);
  if (registry === undefined)
    return { steps: [step("transcode", "note", "becomes a call by gRPC; of which method is told with --file", place)] };
  const found = findMethod(indexMethods(bindingsOf(registry, settings).bindings), request.method, request.path);
  if (found.missing === "path")
    return refuse(place, `no method of the descriptor has the path ${request.path}`, "no_route");
  if (found.missing === "method")
    return refuse(place, `${request.path} is called by ${found.allow.join(", ")}`, "method_not_allowed");
  const { binding, captured } = found;
  if (isClientStreaming(binding.method))
    return refuse(place, `${callPath(binding.method)} streams from the client`, "stream_not_callable");
  const http: HttpRequest = { captured, query: request.query, contentType: null, content: new Uint8Array() };
  const message = requestMessage(binding, http, settings, registry);
  if (message.fault !== undefined) return refuse(place, message.reason, "bad_request");
  const path = callPath(binding.method);
  const bound = captured.map((one) => {
    const name = one.variable.fields.map((field) => field.name).join(".");
    return `${name}=${capturedText(one)}`;
  });
  const text = [`${path} by ${ruleText(binding.rule)}`, ...bound].join(", ");
  const content = binding.body === "none" ? [] : [step("transcode", "note", "its content is not known here", place)];
  return { steps: [step("transcode", "pass", text, place), ...content], path };
}

const refuse = (place: Path, reason: string, code: NonNullable<ExplainStep["code"]>): ExplainedCall => ({
  steps: [step("transcode", "deny", reason, place, code)],
});
