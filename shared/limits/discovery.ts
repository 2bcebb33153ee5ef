/** Bounds of what agents find outside of the registry: in Kubernetes, Consul, DNS and lists. */

const KiB = 1024;
const MiB = 1024 * KiB;
const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

export const discovery = {
  /** Endpoints of one service that are taken of what a source names. */
  endpointsMax: 2_000,
  /** Entries of a static list. */
  staticMax: 500,
  /** Labels of one endpoint, and characters of each text. */
  labelsMax: 16,
  labelCharsMax: 128,
  /** Networks that `allow` names. */
  allowMax: 32,
  /** DNS servers that a source names. */
  serversMax: 4,
  /** Targets of SRV records that are looked up. */
  srvTargetsMax: 64,
  /** One answer of a source: a page of EndpointSlices, or all instances of a service in Consul. */
  answerBytesMax: 8 * MiB,
  /** One event of a watch; a slice has a thousand endpoints at most. */
  eventBytesMax: 2 * MiB,
  /** EndpointSlices that one page holds, and that one service may have. */
  slicesPerPage: 100,
  slicesMax: 200,
  /** A token or certificate in a file beside an agent. */
  tokenBytesMax: 16 * KiB,
  caBytesMax: 256 * KiB,
  /** Of an API's refusal, to tell why. */
  refusalBytesMax: 16 * KiB,
  /** For an answer that comes at once. */
  callTimeoutMs: 10 * SECOND_MS,
  /** How often DNS is asked: what the document may say, what holds without, and what times to live count within. */
  everyMsMin: SECOND_MS,
  everyMsMax: HOUR_MS,
  everyMsDefault: 30 * SECOND_MS,
  /** For how long Consul may hold an answer back, and what it adds to that (a sixteenth), with a margin. */
  consulWaitMs: 5 * MINUTE_MS,
  consulGraceMs: 30 * SECOND_MS,
  /** A watch of Kubernetes is asked for so long and then made anew; one that is silent for longer is broken off. */
  watchMs: 5 * MINUTE_MS,
  watchGraceMs: 30 * SECOND_MS,
  /** From one question to the next, however fast answers come. */
  roundMsMin: 200,
  /** A failure is followed by a pause that doubles from base to max, of random length. */
  backoffBaseMs: 500,
  backoffMaxMs: 30 * SECOND_MS,
  /** Changes that come close together are one: after so long without another, and so long after the first at the latest. */
  settleMs: 100,
  settleMaxMs: SECOND_MS,
  /** How long the last good list stays: without an answer, and against an answer that is empty. */
  keepMsMin: SECOND_MS,
  keepMsMax: 30 * 24 * HOUR_MS,
  keepMsDefault: 24 * HOUR_MS,
  keepEmptyMsDefault: MINUTE_MS,
  /** How often it is written down that a list still holds. */
  keptWriteMs: 5 * MINUTE_MS,
  /** An agent that starts waits so long for the first word of its sources. */
  firstAnswerMs: 3 * SECOND_MS,
  /** Sources that an agent tells the control plane of; and how long after something changed, so that what comes together travels together. */
  toldSourcesMax: 100,
  toldAfterMs: SECOND_MS,
  /** Of a reason that is shown. */
  reasonCharsMax: 300,
} as const;
