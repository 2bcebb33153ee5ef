/** `transcode` of a route, compiled. */
export interface TranscodeSettings {
  /** Digest of the descriptor. */
  readonly descriptor: string;
  /** Full names of services; absent: all of the descriptor. */
  readonly services?: readonly string[];
  /** Methods without a rule are called by `POST /package.Service/Method`. Absent: they are not. */
  readonly autoMap?: true;
  /** Query parameters that name no field: `true`, all are dropped; a list, those. Absent: they are refused. */
  readonly ignoreQuery?: true | readonly string[];
  /** Members of the content that name no field are dropped. Absent: they are refused. */
  readonly ignoreFields?: true;
  /** Absent: as the JSON mapping of Protocol Buffers has it. */
  readonly print?: PrintSettings;
  /** How a stream of messages is written where the client does not say. Absent: as an array. */
  readonly stream?: Exclude<StreamForm, "array">;
  /** Problems say what the status has in `details`. Absent: they do not. */
  readonly errorDetails?: true;
  /** Trailers of unary calls are told as fields `grpc-trailer-*`. Absent: they are dropped. */
  readonly trailers?: true;
}

/** Of the JSON of answers. */
export interface PrintSettings {
  /** `order_id` and not `orderId`. */
  readonly protoNames?: true;
  /** Fields that have the value that they have when nobody sets them. */
  readonly defaults?: true;
  readonly enumNumbers?: true;
}

/** `array`: one JSON array; `lines`: a JSON value a line; `events`: server-sent events. */
export type StreamForm = "array" | "lines" | "events";
