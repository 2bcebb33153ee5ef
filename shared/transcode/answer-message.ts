/** Messages of answers as content of HTTP. */
import {
  type DescMessage,
  fromBinary,
  type JsonValue,
  type JsonWriteOptions,
  type Message,
  type Registry,
  toJson,
} from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { transcode as transcoding } from "../limits/transcode.ts";
import type { Binding } from "./bindings.ts";
import { fieldNamed } from "./field-path.ts";
import { checkPrinted } from "./printed-size.ts";
import { HTTP_BODY } from "./request-message.ts";
import type { PrintSettings } from "./settings.ts";

/** Content that is what it is. */
export interface RawContent {
  readonly contentType: string;
  readonly bytes: Uint8Array;
}

/** Makes content of the messages of one method; every function throws an Error where bytes are none of its messages. */
export class AnswerWriter {
  readonly #output: DescMessage;
  readonly #binding: Binding;
  readonly #options: JsonWriteOptions;
  readonly #registry: Registry;

  /** @param registry for messages in `google.protobuf.Any` */
  constructor(binding: Binding, print: PrintSettings | undefined, registry: Registry) {
    this.#binding = binding;
    this.#output = binding.method.output;
    this.#options = writeOptions(print, registry);
    this.#registry = registry;
  }

  /** Whether messages are `google.api.HttpBody`: content itself, whatever it is. */
  get isRaw(): boolean {
    const { responseBody } = this.#binding;
    return (responseBody === undefined ? this.#output : messageOf(responseBody))?.typeName === HTTP_BODY;
  }

  /** The content that a message of `google.api.HttpBody` is. */
  raw(message: Uint8Array): RawContent {
    const { responseBody } = this.#binding;
    const whole = reflect(this.#output, fromBinary(this.#output, message));
    const body = responseBody === undefined ? whole : (whole.get(responseBody) as ReflectMessage);
    const read = (name: string): unknown => {
      const field = fieldNamed(body.desc, name);
      return field && body.get(field);
    };
    const [contentType, bytes] = [read("content_type"), read("data")];
    return {
      contentType: typeof contentType === "string" && contentType !== "" ? contentType : "application/octet-stream",
      bytes: bytes instanceof Uint8Array ? bytes : new Uint8Array(),
    };
  }

  /** JSON of a message, or of its field where the rule has a `response_body`. */
  text(message: Uint8Array): string {
    const { responseBody } = this.#binding;
    const defaults = responseBody !== undefined || this.#options.alwaysEmitImplicit === true;
    const charsMax = transcoding.printedCharsMax;
    checkPrinted(this.#output, message, { defaults, registry: this.#registry, charsMax });
    const read = fromBinary(this.#output, message);
    if (responseBody === undefined) return JSON.stringify(toJson(this.#output, read, this.#options));
    const { useProtoFieldName } = this.#options;
    // A field without a value is content, too: an empty list, a zero, null.
    const whole = toJson(this.#output, read as Message, { ...this.#options, alwaysEmitImplicit: true });
    const name = useProtoFieldName ? responseBody.name : responseBody.jsonName;
    return JSON.stringify((whole as Record<string, JsonValue>)[name] ?? null);
  }
}

const messageOf = (field: NonNullable<Binding["responseBody"]>): DescMessage | undefined =>
  field.fieldKind === "message" ? field.message : undefined;

/** How messages are printed. */
export function writeOptions(print: PrintSettings = {}, registry: Registry): JsonWriteOptions {
  return {
    alwaysEmitImplicit: print.defaults === true,
    enumAsInteger: print.enumNumbers === true,
    useProtoFieldName: print.protoNames === true,
    registry,
  };
}
