/** A descriptor as it is shipped: a `google.protobuf.FileDescriptorSet`. */
import { createFileRegistry, type FileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

/** @throws Error with a reason for whoever made it: it is none, or files are missing that others import */
export function readDescriptor(bytes: Uint8Array): FileRegistry {
  return createFileRegistry(fromBinary(FileDescriptorSetSchema, bytes));
}
