/** What a service's application speaks, and how long its streams may stand still. */
import * as z from "zod";
import { limits } from "../limits.ts";
import { duration } from "./fields.ts";

const { streamIdleMsMin, streamIdleMsMax } = limits.agent;

export const protocol = z
  .enum(["http", "http2", "grpc", "tcp"], { error: "http, http2, grpc or tcp" })
  .describe(
    "What its application speaks: HTTP/1.1, HTTP/2 without TLS, gRPC, or with `tcp` anything, which nobody reads on the way. Default: http.",
  );

export const streamIdle = z
  .union([z.literal("off", { error: "off" }), duration(streamIdleMsMin, streamIdleMsMax)])
  .describe(
    "How long a stream may stand still, or `off`. Default: 5m for connections of `tcp` or that changed their protocol, 1m for bodies; with `protocol: grpc` off.",
  );
