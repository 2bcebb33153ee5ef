/** What JSON to gRPC costs a request, without any socket: finding the method, and its messages beside plain JSON. */
import { readFileSync } from "node:fs";
import { fromJsonString, toBinary } from "@bufbuild/protobuf";
import { AnswerWriter } from "../shared/transcode/answer-message.ts";
import { type Binding, bindingsOf } from "../shared/transcode/bindings.ts";
import { readDescriptor } from "../shared/transcode/descriptor.ts";
import { findMethod, indexMethods } from "../shared/transcode/method-index.ts";
import { parsePathTemplate } from "../shared/transcode/path-template.ts";
import { requestMessage } from "../shared/transcode/request-message.ts";
import type { Bench, Figure } from "./support/bench.ts";
import { spreadOf } from "./support/compare.ts";

const bench: Bench = {
  question: "What do finding a method of gRPC and translating its messages cost?",
  run: async ({ quick }) => {
    const rounds = quick ? 3 : 9;
    const [looks, texts] = quick ? [100_000, 5_000] : [400_000, 20_000];
    const looking = [10, 100, 1_000, 10_000].map((count) => ({
      name: `look_up_${count}`,
      run: lookingUp(count),
      times: looks,
    }));
    const all = [
      ...looking,
      { name: "translate_order", run: translating(), times: texts },
      { name: "parse_order", run: parsing(), times: texts },
    ];
    return all.map(({ name, run, times }): Figure => {
      run(times);
      return {
        name: `${name}_ns`,
        what: `${name.replaceAll("_", " ")}, ns`,
        spread: spreadOf(repeat(rounds, () => nanoseconds(run, times))),
      };
    });
  },
};
export default bench;

type Run = (times: number) => void;

const registry = readDescriptor(
  new Uint8Array(readFileSync(new URL("../examples/transcoding/protos/orders.binpb", import.meta.url))),
);
const { bindings } = bindingsOf(registry, {});

/** Of methods that differ in a segment, asked for in turn. */
function lookingUp(count: number): Run {
  const [one] = bindings;
  const made = Array.from({ length: count }, (_, at): Binding => {
    const template = parsePathTemplate(`/v1/things${at}/{id}/parts/{part}`);
    if (one === undefined || typeof template === "string") throw new Error("no rule");
    return { ...one, template, variables: [] };
  });
  const index = indexMethods(made);
  const paths = Array.from({ length: 1_000 }, (_, at) => `/v1/things${(at * 7_919) % count}/42/parts/7`);
  return (times) => {
    for (let n = 0; n < times; n++)
      if (findMethod(index, "GET", paths[n % paths.length] ?? "").missing !== undefined) throw new Error("not found");
  };
}

const order = JSON.stringify({
  ...{ id: "o-42", customer: "ann", status: "STATUS_OPEN", total: "129900", createTime: "2026-01-02T03:04:05Z" },
  items: Array.from({ length: 20 }, (_, at) => ({ sku: `tea-${at}`, quantity: at + 1 })),
});

/** An order of 20 items to a message, and such a message to JSON. */
function translating(): Run {
  const content = new TextEncoder().encode(order);
  const found = findMethod(indexMethods(bindings), "PATCH", "/v1/orders/o-42");
  const got = findMethod(indexMethods(bindings), "GET", "/v1/orders/o-42");
  if (found.binding === undefined || got.binding === undefined) throw new Error("not found");
  const { binding, captured } = found;
  const writer = new AnswerWriter(got.binding, undefined, registry);
  const request = { captured, query: "", contentType: "application/json", content };
  const type = got.binding.method.output;
  const asked = requestMessage(binding, request, { descriptor: "" }, registry);
  if (asked.fault !== undefined) throw new Error(asked.reason);
  const answer = toBinary(type, fromJsonString(type, order));
  return (times) => {
    for (let n = 0; n < times; n++) {
      requestMessage(binding, request, { descriptor: "" }, registry);
      writer.text(answer);
    }
  };
}

/** The same JSON read and written by the platform. */
const parsing = (): Run => (times) => {
  for (let n = 0; n < times; n++) JSON.stringify(JSON.parse(order));
};

const repeat = (rounds: number, run: () => number): number[] => Array.from({ length: rounds }, run);

function nanoseconds(run: Run, times: number): number {
  const begun = performance.now();
  run(times);
  return ((performance.now() - begun) * 1e6) / times;
}
