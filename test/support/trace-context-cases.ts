/** What a hop makes of a caller's trace context, by W3C Trace Context level 2, sections 3 and 4. */

export const TRACE_ID = "12345678901234567890123456789012";
const PARENT = "1234567890123456";
const good = `00-${TRACE_ID}-${PARENT}-01`;
const members = (count: number): string => Array.from({ length: count }, (_, at) => `bar${at}=${at}`).join(",");

export interface TraceContextCase {
  readonly name: string;
  /** Lines of the fields. */
  readonly traceparent: readonly string[];
  readonly tracestate?: readonly string[];
  /** Whether the caller's trace goes on; otherwise a new one begins. */
  readonly goesOn: boolean;
  /** What is passed on; absent: nothing. */
  readonly passed?: string;
}

const parents: readonly (readonly [name: string, goesOn: boolean, ...lines: string[]])[] = [
  ["both in order", true, good],
  ["not sampled", true, `00-${TRACE_ID}-${PARENT}-00`],
  ["flags that are not known", true, `00-${TRACE_ID}-${PARENT}-ff`],
  ["a version to come", true, `cc-${TRACE_ID}-${PARENT}-01`],
  ["a version to come with more behind", true, `cc-${TRACE_ID}-${PARENT}-01-what-the-future-will-be-like`],
  ["a version to come, with something glued on", false, `cc-${TRACE_ID}-${PARENT}-01.what`],
  ["a version to come that ends with a dash", true, `cc-${TRACE_ID}-${PARENT}-01-`],
  ["no traceparent", false],
  ["two equal lines", false, good, good],
  ["two different lines", false, good, `00-${"f".repeat(32)}-${PARENT}-01`],
  ["two in one line", false, `${good},${good}`],
  ["version 00 with more behind", false, `${good}-extra`],
  ["version 00 with a dash behind", false, `${good}-`],
  ["version ff", false, `ff-${TRACE_ID}-${PARENT}-01`],
  ["a version of signs that are no digits", false, `.0-${TRACE_ID}-${PARENT}-01`],
  ["a version that is too short", false, `0-${TRACE_ID}-${PARENT}-01`],
  ["a version that is too long", false, `000-${TRACE_ID}-${PARENT}-01`],
  ["a trace id of zeros", false, `00-${"0".repeat(32)}-${PARENT}-01`],
  ["a trace id with other signs", false, `00-.${TRACE_ID.slice(1)}-${PARENT}-01`],
  ["a trace id in upper case", false, `00-${"ABCDEF01".repeat(4)}-${PARENT}-01`],
  ["a trace id that is too short", false, `00-${TRACE_ID.slice(1)}-${PARENT}-01`],
  ["a trace id that is too long", false, `00-${TRACE_ID}3-${PARENT}-01`],
  ["a parent of zeros", false, `00-${TRACE_ID}-${"0".repeat(16)}-01`],
  ["a parent with other signs", false, `00-${TRACE_ID}-.${PARENT.slice(1)}-01`],
  ["a parent that is too short", false, `00-${TRACE_ID}-${PARENT.slice(1)}-01`],
  ["flags with other signs", false, `00-${TRACE_ID}-${PARENT}-.0`],
  ["flags that are too short", false, `00-${TRACE_ID}-${PARENT}-1`],
  ["flags that are too long", false, `00-${TRACE_ID}-${PARENT}-001`],
  ["nothing in it", false, ""],
];

const states: readonly (readonly [name: string, passed: string | undefined, ...lines: string[]])[] = [
  ["no members", undefined, ""],
  ["members of two lines, in order", "foo=1,bar=2", "foo=1", "bar=2"],
  ["space around members", "foo=1,bar=2", "foo=1 \t , \t bar=2"],
  ["empty members", "foo=1,bar=2", "foo=1,,bar=2,"],
  ["a key of several vendors", "foo@bar=1,bar@foo=2", "foo@bar=1,bar@foo=2"],
  ["the same key twice", undefined, "foo=1,foo=1"],
  ["the same key in two lines", undefined, "foo=1", "foo=2"],
  ["as many members as there may be", members(32), members(32)],
  ["too many members", undefined, members(33)],
  ["a key with a space", undefined, "foo =1"],
  ["a key in upper case", undefined, "FOO=1"],
  ["two equals signs", undefined, "foo=bar=baz"],
  ["no value", undefined, "foo=,bar=3"],
];

export const traceContextCases: readonly TraceContextCase[] = [
  ...parents.map(([name, goesOn, ...traceparent]) => ({
    ...{ name: `traceparent: ${name}`, traceparent, tracestate: ["foo=1"], goesOn },
    ...(goesOn && { passed: "foo=1" }),
  })),
  ...states.map(([name, passed, ...tracestate]) => ({
    ...{ name: `tracestate: ${name}`, traceparent: [good], tracestate, goesOn: true },
    ...(passed !== undefined && { passed }),
  })),
];

/** What is wrong with what a hop has sent on; undefined: nothing. */
export function wrongContext(
  one: TraceContextCase,
  sent: { readonly traceparent: string | undefined; readonly tracestate: string | undefined },
): string | undefined {
  const [, traceId, spanId] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-0[0-3]$/.exec(sent.traceparent ?? "") ?? [];
  if (traceId === undefined || spanId === PARENT) return `traceparent ${sent.traceparent}`;
  if ((traceId === TRACE_ID) !== one.goesOn) return `the trace ${traceId}`;
  return sent.tracestate === one.passed ? undefined : `tracestate ${sent.tracestate}`;
}
