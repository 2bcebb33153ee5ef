import type { Builders } from "./build-artifacts.ts";

/** Who makes what a document needs beside its plan. */
export const builders: Builders = {};
