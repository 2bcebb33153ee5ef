import { expect, test } from "vitest";
import { metricsOf, receiverOf, tracesOf } from "../../../shared/telemetry/environment.ts";
import type { TelemetrySettings } from "../../../shared/telemetry/settings.ts";

const settings: TelemetrySettings = {
  otlp: {
    endpoint: "https://otel.example/base",
    headers: { authorization: "Bearer ${secret:TOKEN}" },
    timeoutMs: 9_000,
  },
  resource: { "service.namespace": "shop" },
  traces: { ratio: 0.01, errors: true },
};
const own = { "service.name": "orders", "service.instance.id": "orders-1" };
const of = (environment: Record<string, string>, from: TelemetrySettings | undefined = settings) =>
  receiverOf("traces", from, environment, own);

test("as the document says, its secrets from the environment", () => {
  expect(of({ SECRET_TOKEN: "s3cret" })).toEqual({
    url: "https://otel.example/base/v1/traces",
    headers: { authorization: "Bearer s3cret" },
    timeoutMs: 9_000,
    resource: { "service.namespace": "shop", ...own },
  });
});

test("OpenTelemetry's variables come before it", () => {
  const found = of({
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318/",
    OTEL_EXPORTER_OTLP_HEADERS: "Authorization=Basic%20x , x-tenant=a=b, broken",
    OTEL_EXPORTER_OTLP_COMPRESSION: "gzip",
    OTEL_EXPORTER_OTLP_TIMEOUT: "2500",
    OTEL_SERVICE_NAME: "orders-api",
    OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=test,service.namespace=other",
    SECRET_TOKEN: "unused",
  });
  expect(found).toEqual({
    url: "http://127.0.0.1:4318/v1/traces",
    headers: { authorization: "Basic x", "x-tenant": "a=b" },
    compression: "gzip",
    timeoutMs: 2_500,
    resource: {
      "service.namespace": "other",
      "service.name": "orders-api",
      "service.instance.id": "orders-1",
      "deployment.environment.name": "test",
    },
  });
});

test("a signal's own variables come first, its endpoint as it is", () => {
  const found = of({
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://127.0.0.1:9/in",
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:10",
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: "authorization=a",
  });
  expect(found).toMatchObject({ url: "http://127.0.0.1:9/in", headers: { authorization: "a" } });
});

test.each([
  ["always_on", undefined, 1],
  ["parentbased_always_off", undefined, 0],
  ["parentbased_traceidratio", "0.25", 0.25],
  ["traceidratio", "0.5", 0.5],
  ["traceidratio", undefined, 1],
  ["traceidratio", "2", 0.01],
  ["jaeger_remote", "1", 0.01],
])("the sampler %s of %s", (OTEL_TRACES_SAMPLER, arg, ratio) => {
  const environment = { OTEL_TRACES_SAMPLER, ...(arg !== undefined && { OTEL_TRACES_SAMPLER_ARG: arg }) };
  expect(tracesOf({ ratio: 0.01, errors: true }, environment)).toEqual({ ratio, errors: true });
});

test.each([
  ["no telemetry in the plan", { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1" }, undefined],
  ["no traces in it", {}, { resource: {} }],
  ["switched off", { OTEL_SDK_DISABLED: "true" }, settings],
  ["exported nowhere", { OTEL_TRACES_EXPORTER: "none" }, settings],
])("%s: nothing is told", (_, environment, from) => {
  expect(receiverOf("traces", from as TelemetrySettings | undefined, environment, own)).toBeUndefined();
});

test.each([
  ["a secret that is missing", {}, /SECRET_TOKEN/],
  ["another protocol", { OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" }, /http\/protobuf alone/],
  ["no URL", { OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4318" }, /no http or https URL/],
])("%s is said", (_, environment, sentence) => {
  expect(of(environment)).toMatch(sentence);
});

test("nowhere to send it is said", () => {
  const { otlp: _, ...nowhere } = settings;
  expect(of({}, nowhere)).toMatch(/no receiver/);
});

test("each signal has variables of its own, and is switched off alone", () => {
  const all: TelemetrySettings = { ...settings, metrics: { everyMs: 60_000 }, logs: { ratio: 0.01, failures: true } };
  const environment = {
    SECRET_TOKEN: "x",
    OTEL_METRICS_EXPORTER: "none",
    OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: "http://127.0.0.1:9/logs",
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: "authorization=of-traces",
  };
  expect(receiverOf("metrics", all, environment, own)).toBeUndefined();
  expect(receiverOf("metrics", all, { SECRET_TOKEN: "x" }, own)).toMatchObject({
    url: "https://otel.example/base/v1/metrics",
  });
  expect(receiverOf("logs", all, environment, own)).toMatchObject({
    url: "http://127.0.0.1:9/logs",
    headers: { authorization: "Bearer x" },
  });
  expect(receiverOf("traces", all, environment, own)).toMatchObject({ headers: { authorization: "of-traces" } });
});

test.each([
  ["2500", 2_500],
  ["", 60_000],
  ["often", 60_000],
  ["10", 60_000],
  ["99999999", 60_000],
])("OTEL_METRIC_EXPORT_INTERVAL=%s", (OTEL_METRIC_EXPORT_INTERVAL, everyMs) => {
  expect(metricsOf({ everyMs: 60_000 }, { OTEL_METRIC_EXPORT_INTERVAL })).toEqual({ everyMs });
});
