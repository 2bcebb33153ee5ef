import type { Builders } from "./build-artifacts.ts";
import { buildContract } from "./build-contract.ts";
import { buildDescriptor } from "./build-descriptor.ts";

/** Who makes what a document needs beside its plan. */
export const builders: Builders = { contracts: buildContract, descriptors: buildDescriptor };
