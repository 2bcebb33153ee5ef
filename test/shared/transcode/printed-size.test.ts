import { create, fromBinary, type JsonValue, toBinary, toJson } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkPrinted } from "../../../shared/transcode/printed-size.ts";
import { encoded, kinds, kindsMessage } from "../../support/transcode.ts";

const everything = kindsMessage("Everything");
const MOST = 1_000_000_000;

/** The least bound under which it passes. */
function counted(bytes: Uint8Array, defaults: boolean): number {
  const passes = (charsMax: number): boolean => {
    try {
      checkPrinted(everything, bytes, { defaults, registry: kinds, charsMax });
      return true;
    } catch {
      return false;
    }
  };
  let [low, high] = [0, MOST];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (passes(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

function printed(bytes: Uint8Array, defaults: boolean): number {
  const options = { registry: kinds, alwaysEmitImplicit: defaults };
  return JSON.stringify(toJson(everything, fromBinary(everything, bytes), options)).length;
}

const text = fc.string({ unit: fc.constantFrom("a", "b", '"'), maxLength: 8 });
const long = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String);
const int = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const colour = fc.constantFrom("COLOUR_UNSPECIFIED", "RED", "GREEN");
const inner = fc.record({ text, number: int, numbers: fc.array(int) }, { requiredKeys: [] });
const value = fc.record(
  {
    text,
    raw: fc.uint8Array({ maxLength: 9 }).map((bytes) => btoa(String.fromCharCode(...bytes))),
    flag: fc.boolean(),
    int32Value: int,
    int64Value: long,
    sint64Value: long,
    floatValue: fc.float({ noNaN: true, noDefaultInfinity: true }),
    doubleValue: fc.double({ noNaN: true, noDefaultInfinity: true }),
    colour,
    inner: fc.record({ inner, text }, { requiredKeys: [] }),
    texts: fc.array(text),
    longs: fc.array(long),
    colours: fc.array(colour),
    inners: fc.array(inner),
    labels: fc.dictionary(text, text),
    byNumber: fc.dictionary(int.map(String), inner),
    chosenInner: inner,
    timestamp: fc.constant("2026-01-02T03:04:05.123456789Z"),
    duration: fc.constant("-3.5s"),
    mask: fc.constant("inner.text,labels"),
    struct: fc.dictionary(text, fc.jsonValue({ maxDepth: 2 })),
    any: inner.map((one) => ({ "@type": "type.googleapis.com/test.kinds.Inner", ...one })),
    wrappedInt64: long,
    wrappedText: text,
    maybe: text,
    renamed: text,
  },
  { requiredKeys: [] },
);

describe("the JSON of a message has no more characters than were counted before", () => {
  test.each([false, true])("defaults: %s", (defaults) => {
    fc.assert(
      fc.property(value, (one) => {
        const bytes = encoded("Everything", one as JsonValue);
        expect(counted(bytes, defaults)).toBeGreaterThanOrEqual(printed(bytes, defaults));
      }),
      { numRuns: 150 },
    );
  });
});

describe("what is small and prints much is found out before it is printed", () => {
  const many = (tag: number[], count: number): Uint8Array =>
    Uint8Array.from({ length: count * tag.length }, (_, at) => tag[at % tag.length] as number);
  const check = (bytes: Uint8Array, defaults = false): void =>
    checkPrinted(everything, bytes, { defaults, registry: kinds, charsMax: 1_000_000 });
  /** 17, `inners`: without content. */
  const empty = [0x8a, 0x01, 0x00];

  test("messages without content", () => {
    expect(() => check(many(empty, 1_000), true)).not.toThrow();
    expect(() => check(many(empty, 100_000))).toThrow("more than 1000000 characters");
    expect(() => check(many(empty, 10_000), true)).toThrow("more than");
  });

  test("pairs of maps that have no value", () => {
    /** 19, `by_number`: a key alone. */
    const keyAlone = [0x9a, 0x01, 0x02, 0x08, 0x01];
    expect(() => check(many(keyAlone, 1_000), true)).not.toThrow();
    expect(() => check(many(keyAlone, 10_000), true)).toThrow("more than");
  });

  test("names of enums", () => {
    const packed = (count: number) => {
      const length = [(count & 0x7f) | 0x80, ((count >> 7) & 0x7f) | 0x80, count >> 14];
      return Uint8Array.from([0x82, 0x01, ...length, ...new Uint8Array(count)]);
    };
    expect(() => check(packed(20_000))).not.toThrow();
    expect(() => check(packed(50_000))).toThrow("more than");
  });

  test("within Any", () => {
    const inner = new Uint8Array(many(empty, 50_000));
    const any = create(AnySchema, { typeUrl: "x/test.kinds.Everything", value: inner });
    const within = toBinary(AnySchema, any);
    expect(() => checkPrinted(AnySchema, within, { defaults: false, registry: kinds, charsMax: 1_000_000 })).toThrow();
    const unknown = toBinary(AnySchema, create(AnySchema, { typeUrl: "x/y", value: inner }));
    expect(() =>
      checkPrinted(AnySchema, unknown, { defaults: false, registry: kinds, charsMax: 1_000_000 }),
    ).not.toThrow();
  });

  test.each<[string, Uint8Array]>([
    ["half a tag", Uint8Array.of(0x8a)],
    ["a field that is longer than the message", Uint8Array.of(0x6a, 0x05, 0x00)],
    ["a text that is longer than the message", Uint8Array.of(0x0a, 0x05, 0x00)],
    ["an unknown wire type", Uint8Array.of(0x0f)],
    ["101 levels", nest(101)],
  ])("no message: %s", (_, bytes) => {
    expect(() => check(bytes)).toThrow();
  });

  /** `inner` within each other. */
  function nest(levels: number): Uint8Array {
    let made = new Uint8Array();
    for (let level = 0; level < levels; level++) {
      const length = made.length < 128 ? [made.length] : [(made.length & 0x7f) | 0x80, made.length >> 7];
      made = Uint8Array.from([level === levels - 1 ? 0x6a : 0x1a, ...length, ...made]);
    }
    return made;
  }
});
