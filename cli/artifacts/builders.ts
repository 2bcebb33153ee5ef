import type { Builders } from "./build-artifacts.ts";
import type { buildContract } from "./build-contract.ts";
import type { buildDescriptor } from "./build-descriptor.ts";

type Asked<Build extends (...args: never) => unknown> = Parameters<Build>;

/** Who makes what a document needs beside its plan; loaded by those documents that have it. */
export const builders: Builders = {
  contracts: async (...asked: Asked<typeof buildContract>) =>
    (await import("./build-contract.ts")).buildContract(...asked),
  descriptors: async (...asked: Asked<typeof buildDescriptor>) =>
    (await import("./build-descriptor.ts")).buildDescriptor(...asked),
};
