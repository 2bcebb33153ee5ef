/** The types of google/rpc/error_details.proto, which services put into a status without their descriptors having them. */
import { create, createFileRegistry, type Registry } from "@bufbuild/protobuf";
import {
  type DescriptorProto,
  DescriptorProtoSchema,
  FileDescriptorProtoSchema,
  file_google_protobuf_duration,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from "@bufbuild/protobuf/wkt";

/** Names of fields in the order of their numbers, from 1; what is no string says its type: `{}` is a map of strings. */
const MESSAGES: Readonly<Record<string, readonly string[]>> = {
  ErrorInfo: ["reason", "domain", "metadata {}"],
  RetryInfo: ["retry_delay google.protobuf.Duration"],
  QuotaFailure: ["violations []QuotaFailure.Violation"],
  "QuotaFailure.Violation": [
    "subject",
    "description",
    "api_service",
    "quota_metric",
    "quota_id",
    "quota_dimensions {}",
    "quota_value int64",
    "future_quota_value int64",
  ],
  PreconditionFailure: ["violations []PreconditionFailure.Violation"],
  "PreconditionFailure.Violation": ["type", "subject", "description"],
  BadRequest: ["field_violations []BadRequest.FieldViolation"],
  "BadRequest.FieldViolation": ["field", "description", "reason", "localized_message google.rpc.LocalizedMessage"],
  RequestInfo: ["request_id", "serving_data"],
  ResourceInfo: ["resource_type", "resource_name", "owner", "description"],
  Help: ["links []Help.Link"],
  "Help.Link": ["description", "url"],
  LocalizedMessage: ["locale", "message"],
};

let made: Registry | undefined;

/** Made when a status first has details. */
export function errorDetailTypes(): Registry {
  made ??= createFileRegistry(
    create(FileDescriptorProtoSchema, {
      name: "google/rpc/error_details.proto",
      package: "google.rpc",
      syntax: "proto3",
      dependency: ["google/protobuf/duration.proto"],
      messageType: messagesIn(""),
    }),
    () => file_google_protobuf_duration,
  );
  return made;
}

/** @param parent "" for those of the file, `Help.` for those within `Help` */
function messagesIn(parent: string): DescriptorProto[] {
  return Object.entries(MESSAGES).flatMap(([path, fields]) => {
    const name = path.slice(parent.length);
    if (!path.startsWith(parent) || name.includes(".")) return [];
    return [message(path, name, fields)];
  });
}

function message(path: string, name: string, fields: readonly string[]): DescriptorProto {
  const made = fields.map((text, at) => ({ at, ...split(text) }));
  const maps = made.filter(({ type }) => type === "{}").map((field) => entry(field.name));
  return create(DescriptorProtoSchema, {
    name,
    field: made.map(({ at, name: fieldName, type }) => ({
      ...{ name: fieldName, number: at + 1, jsonName: jsonName(fieldName) },
      label: type.startsWith("[]") || type === "{}" ? Label.REPEATED : Label.OPTIONAL,
      ...typeOf(path, fieldName, type),
    })),
    nestedType: [...messagesIn(`${path}.`), ...maps],
  });
}

function split(text: string): { readonly name: string; readonly type: string } {
  const [name = "", type = "string"] = text.split(" ");
  return { name, type };
}

function typeOf(path: string, field: string, type: string): { type: Type; typeName?: string } {
  if (type === "string") return { type: Type.STRING };
  if (type === "int64") return { type: Type.INT64 };
  if (type === "{}") return { type: Type.MESSAGE, typeName: `.google.rpc.${path}.${entryName(field)}` };
  const typeName = type.startsWith("[]") ? `.google.rpc.${type.slice(2)}` : `.${type}`;
  return { type: Type.MESSAGE, typeName };
}

function entry(field: string): DescriptorProto {
  const side = (name: string, number: number) => ({
    ...{ name, number, jsonName: name },
    ...{ label: Label.OPTIONAL, type: Type.STRING },
  });
  return create(DescriptorProtoSchema, {
    name: entryName(field),
    field: [side("key", 1), side("value", 2)],
    options: { mapEntry: true },
  });
}

const jsonName = (name: string): string => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** `QuotaDimensionsEntry`, as compilers name it. */
const entryName = (field: string): string => jsonName(`_${field}_entry`);
