/** `gateway.descriptors`, and `transcode` of a route: JSON over HTTP to gRPC. */
import * as z from "zod";
import { transcode as transcoding } from "../limits/transcode.ts";
import { flag, list, name, text } from "./fields.ts";

const max = transcoding;

export const descriptor = z.strictObject({
  file: text("the name of a file relative to the document's folder", /^[^\0\\]{1,512}$/).describe(
    "A `google.protobuf.FileDescriptorSet` with all imports: of `buf build -o`, or `protoc --include_imports --descriptor_set_out`.",
  ),
});

export type DescriptorConfig = z.infer<typeof descriptor>;

const service = text("the full name of a service such as shop.orders.v1.Orders", /^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*$/);
const parameter = text("the name of a query parameter", /^[^\s&=#]{1,128}$/);

const print = z.strictObject({
  fieldNames: z
    .enum(["json", "proto"], { error: "json or proto" })
    .optional()
    .describe("`json`: createTime (default); `proto`: create_time, as in the .proto file."),
  defaults: flag.optional().describe("Whether fields without a value are there, too. Default: false."),
  enums: z.enum(["names", "numbers"], { error: "names or numbers" }).optional().describe("Default: names."),
});

export const transcode = z.strictObject({
  descriptor: name("the name of one of `descriptors`"),
  services: list(service)
    .max(max.servicesMax, { error: `a list of at most ${max.servicesMax}` })
    .optional()
    .describe("Full names of the services that are called. Default: all of the descriptor."),
  autoMap: flag
    .optional()
    .describe("Methods without a rule are called by `POST /package.Service/Method`. Default: false."),
  ignoreQuery: z
    .union([flag, list(parameter).max(max.ignoredMax, { error: `a list of at most ${max.ignoredMax}` })])
    .optional()
    .describe(
      "Query parameters that name no field are dropped: `true`, all; a list, these. Default: they are refused.",
    ),
  ignoreFields: flag
    .optional()
    .describe("Members of the content that name no field are dropped. Default: they are refused."),
  print: print.optional().describe("How answers are written."),
  stream: z
    .enum(["array", "lines", "events"], { error: "array, lines or events" })
    .optional()
    .describe(
      "How streams are written where `Accept` does not say: a JSON array (default), JSON lines, or server-sent events.",
    ),
  errorDetails: flag.optional().describe("Whether clients are told the details of a status. Default: false."),
  trailers: flag.optional().describe("Whether trailers of unary calls become fields `grpc-trailer-*`. Default: false."),
});

/** Of a part of a composed answer, which reads the answer itself. */
export const partTranscode = transcode.omit({ stream: true, errorDetails: true });

export type TranscodeConfig = z.infer<typeof transcode>;
