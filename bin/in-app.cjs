/**
 * Loaded into applications before everything else of theirs (`--require`, so in modules of both kinds, and in worker threads): what a
 * request that they serve says of its trace and of the time that it has goes along with the calls that it causes.
 * Plain JavaScript that even an old Node can read, since nobody knows which one an application is started with.
 */
"use strict";

const { SELVAGE_OUTBOUND } = process.env;
const trouble = whyNot(process.versions);
if (SELVAGE_OUTBOUND !== undefined && trouble === undefined) propagate(new URL(SELVAGE_OUTBOUND));
else if (trouble !== undefined && process.env.SELVAGE_IN_APP_TOLD === undefined) {
  // Once, whatever processes the application is made of.
  process.env.SELVAGE_IN_APP_TOLD = "1";
  process.stderr.write(`selvage: ${trouble}: its calls are traced where it passes traceparent on itself\n`);
}

/** What is missing here; undefined: nothing. */
function whyNot({ bun, deno, node }) {
  if (bun !== undefined || deno !== undefined) return `the application runs on ${bun === undefined ? "Deno" : "Bun"}`;
  const [major, minor] = node.split(".").map(Number);
  // `http.client.request.created`
  const isKnown = major > 23 || (major === 23 && minor >= 2) || (major === 22 && minor >= 12);
  return isKnown ? undefined : `the application runs on Node ${node}, and 22.12 or later is needed`;
}

function propagate(outbound) {
  const { AsyncLocalStorage } = require("node:async_hooks");
  const { subscribe } = require("node:diagnostics_channel");
  const { IncomingMessage, Server, ServerResponse } = require("node:http");
  const { Server: TlsServer } = require("node:https");

  const OPEN_TELEMETRY = Symbol.for("opentelemetry.js.api.1");
  const SERVED = Symbol("selvage.served");
  const REQUESTS = new Set(["request", "checkContinue", "checkExpectation"]);
  const DEADLINE = "selvage-deadline-ms";
  // As long as agents remember traces that are kept.
  const AFTERWARDS_MS = 60_000;
  const inUse = new AsyncLocalStorage();

  /** A request that is being served. */
  class Served {
    constructor({ headers }, response) {
      this.traceparent = headers.traceparent;
      this.tracestate = headers.tracestate;
      this.response = response;
      const left = headers[DEADLINE];
      this.deadlineMs = left === undefined ? undefined : performance.now() + Number(left);
      this.endedMs = undefined;
    }

    /** Jobs that a request leaves behind are not of its trace for ever. */
    get isOver() {
      return this.endedMs !== undefined && performance.now() - this.endedMs > AFTERWARDS_MS;
    }

    /** Whole milliseconds; undefined: nobody waits for what is done now. */
    get left() {
      // The caller's time is for the head: streams, and what is done behind the answer, may last.
      if (this.deadlineMs === undefined || this.response.headersSent) return undefined;
      const leftMs = Math.floor(this.deadlineMs - performance.now());
      return Number.isNaN(leftMs) ? undefined : String(Math.max(0, leftMs));
    }
  }

  function servesWithin({ prototype }) {
    const { emit } = prototype;
    prototype.emit = function (...event) {
      const [name, request, response] = event;
      if (!REQUESTS.has(name)) return Reflect.apply(emit, this, event);
      const served = request?.headers?.traceparent === undefined ? undefined : new Served(request, response);
      if (served !== undefined) request[SERVED] = response[SERVED] = served;
      return inUse.run(served, () => Reflect.apply(emit, this, event));
    };
  }

  /** Events of a request and of its answer come from their connection, which serves others as well. */
  function listensWithin({ prototype }) {
    const { emit } = prototype;
    prototype.emit = function (...event) {
      const served = this[SERVED];
      if (served === undefined) return Reflect.apply(emit, this, event);
      if (event[0] === "close" && this === served.response) served.endedMs = performance.now();
      return inUse.run(served, () => Reflect.apply(emit, this, event));
    };
  }

  for (const server of [Server, TlsServer]) servesWithin(server);
  for (const message of [IncomingMessage, ServerResponse]) listensWithin(message);

  const isMesh = (name) => name.toLowerCase().endsWith(".mesh");
  const isLoopback = (name) => name === "127.0.0.1" || name === "localhost" || name === outbound.hostname;
  const nameOf = (authority) =>
    String(authority ?? "")
      .replace(/:\d*$/, "")
      .replace(/\.$/, "");

  /** @param authority of the Host field */
  const isThroughMesh = (host, authority) =>
    isMesh(nameOf(host)) || (isLoopback(host) && (authority === outbound.host || isMesh(nameOf(authority))));

  /**
   * @param has whether the application has set the field itself
   * @param set adds a field
   */
  function passOn(served, has, set) {
    // An SDK passes on the span that it makes.
    const isSdks = globalThis[OPEN_TELEMETRY]?.propagation !== undefined;
    if (!isSdks && !has("traceparent") && !has("tracestate")) {
      set("traceparent", served.traceparent);
      if (served.tracestate !== undefined) set("tracestate", served.tracestate);
    }
    const { left } = served;
    if (left !== undefined && !has(DEADLINE)) set(DEADLINE, left);
  }

  subscribe("http.client.request.created", ({ request }) => {
    const served = inUse.getStore();
    // Fields that were given as a list are on their way already.
    if (served === undefined || served.isOver || request.headersSent || request.protocol !== "http:") return;
    if (!isThroughMesh(request.host, request.getHeader("host"))) return;
    passOn(
      served,
      (name) => request.hasHeader(name),
      (name, value) => request.setHeader(name, value),
    );
  });

  /** Of fetch, and of undici as a package. */
  subscribe("undici:request:create", ({ request }) => {
    const served = inUse.getStore();
    if (served === undefined || served.isOver || request.method === "CONNECT") return;
    // What is thrown here would end the application.
    const origin = String(request.origin);
    if (!URL.canParse(origin)) return;
    const { protocol, hostname, host } = new URL(origin);
    if (protocol !== "http:" || !isThroughMesh(hostname, request.host ?? host)) return;
    const { headers } = request;
    // Undici 5 keeps them as lines.
    const names = Array.isArray(headers)
      ? headers.filter((_, at) => at % 2 === 0)
      : (String(headers ?? "").match(/^[^:\r\n]+/gm) ?? []);
    const given = new Set(names.map((name) => String(name).toLowerCase()));
    passOn(
      served,
      (name) => given.has(name),
      (name, value) => request.addHeader(name, value),
    );
  });
}
