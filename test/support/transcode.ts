/** Descriptors of tests, and messages of theirs by JSON. */
import { readFileSync } from "node:fs";
import { type DescMessage, fromBinary, fromJson, type JsonValue, toBinary, toJson } from "@bufbuild/protobuf";
import { type Bindings, bindingsOf } from "../../shared/transcode/bindings.ts";
import { readDescriptor } from "../../shared/transcode/descriptor.ts";
import { indexMethods } from "../../shared/transcode/method-index.ts";

const fileOf = (name: string): Uint8Array => new Uint8Array(readFileSync(new URL(name, import.meta.url)));

export const kindsFile: Uint8Array = fileOf("./protos/kinds.binpb");
export const ordersFile: Uint8Array = fileOf("../../examples/transcoding/protos/orders.binpb");

export const kinds = readDescriptor(kindsFile);
export const kindsBindings: Bindings = bindingsOf(kinds, {});
export const kindsIndex = indexMethods(kindsBindings.bindings);

/** @param name without its package */
export function kindsMessage(name: string): DescMessage {
  const found = kinds.getMessage(`test.kinds.${name}`);
  if (found === undefined) throw new Error(`no message ${name}`);
  return found;
}

export const encoded = (name: string, value: JsonValue): Uint8Array =>
  toBinary(kindsMessage(name), fromJson(kindsMessage(name), value, { registry: kinds }));

export const decoded = (name: string, bytes: Uint8Array): JsonValue =>
  toJson(kindsMessage(name), fromBinary(kindsMessage(name), bytes), { registry: kinds }) as JsonValue;
