/** Bounds of usage: what the gateway counts of each request, and what the control plane keeps of it. */
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

export const usage = {
  /** Callers of routes that an isolate counts apart; later ones of a route are counted together. */
  isolateCallersMax: 384,
  /** Objects of the control plane that keep it, each for a part of the isolates. */
  shards: 4,
  /** The same for what agents count of the mesh's edges: objects of their own, so that no mesh pushes out what gateways count. */
  edgeShards: 2,
  /** An agent tells what it counted this long after the first call, and then so often while there are calls. */
  edgeFirstMs: 1_000,
  edgeEveryMs: 30_000,
  /** While nothing but connections that were opened earlier is there, that they still are is told this often. */
  edgeOpenEveryMs: 1_800_000,
  /** What is kept for how long: the finest first, in slots of the length. */
  resolutions: {
    minute: { slotMs: MINUTE_MS, keptMs: 2 * HOUR_MS },
    hour: { slotMs: HOUR_MS, keptMs: 7 * DAY_MS },
    day: { slotMs: DAY_MS, keptMs: 90 * DAY_MS },
  },
  /** Series that one slot of one object tells apart; later ones keep their first label alone, and beyond twice as many none. */
  slotSeriesMax: 768,
  /** Rows of one answer of the API; those with the fewest requests are left out, and their number is told. */
  rowsMax: 1_000,
  /** Exemplars that one object holds in memory: of each route and bucket one. */
  exemplarsMax: 2_048,
  /** Isolates whose last report an object remembers. */
  isolatesMax: 4_000,
  /** An upstream was down in a slot in which this share of the calls, in percent, failed. */
  downPercent: 50,
  /** A report that an object did not take within this is sent again: nothing else of a lease waits for longer. */
  addMs: 2_000,
  /** Characters of the index and of each blob of a data point of Analytics Engine, whose index holds 96 bytes. */
  pointCharsMax: 96,
  /** How often `selvage top` asks anew. */
  topEveryMs: 2_000,
} as const;
