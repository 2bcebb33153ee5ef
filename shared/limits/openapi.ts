const KiB = 1024;

/** Bounds of API descriptions and overlays, where they are made to contracts. */
export const openapi = {
  /** Values of one file after aliases of YAML are expanded: the largest public descriptions have half a million. */
  nodesMax: 2_000_000,
  /** Nesting of one file. */
  depthMax: 200,
  /** Files that one description consists of, some have one for each example; and overlays that are applied to it. */
  filesMax: 10_000,
  overlaysMax: 20,
  /** Actions of one overlay, and places that one of them finds. */
  actionsMax: 2_000,
  foundMax: 100_000,
  /** References that lead to references. */
  refsMax: 32,
  operationsMax: 10_000,
  /** Parameters of one operation, headers of one response, media types of one content, responses of one operation: each. */
  membersMax: 500,
  /** A name of a parameter, a path or an id. */
  nameCharsMax: 1 * KiB,
  /** Values within values whose type is told to readers of text, and schemas that are looked at for one of them. */
  shapeDepthMax: 8,
  shapeNodesMax: 20_000,
  /** Problems that one contract reports. */
  problemsMax: 100,
  /** Names of a document's contracts. */
  contractsMax: 64,
} as const;
