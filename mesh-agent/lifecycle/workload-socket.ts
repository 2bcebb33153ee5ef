import type { SvidSource, WorkloadApi } from "../workload-api/workload-api.ts";

/** Loaded by agents that are asked for it alone. @param path of the socket. @throws with a sentence for people */
export async function openWorkloadApi(path: string | undefined, source: SvidSource): Promise<WorkloadApi | undefined> {
  if (path === undefined) return undefined;
  const { WorkloadApi } = await import("../workload-api/workload-api.ts");
  return WorkloadApi.open(path, source);
}
