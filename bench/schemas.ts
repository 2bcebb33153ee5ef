/** What a body of JSON costs to validate, beside reading it and beside another engine that makes no code from text. */
import { registerSchema, unregisterSchema } from "@hyperjump/json-schema/draft-2020-12";
import { compile, getSchema, interpret } from "@hyperjump/json-schema/experimental";
import * as Instance from "@hyperjump/json-schema/instance/experimental";
import { compileSchemas } from "../cli/contract/compile-schemas.ts";
import { validate } from "../shared/contract/compiled-schema.ts";
import { makeRegex } from "../shared/contract/schema-regexes.ts";
import { SchemaSet } from "../shared/contract/schema-set.ts";
import type { Bench, Figure } from "./support/bench.ts";
import { spreadOf } from "./support/compare.ts";

const TEXT = { type: "string", minLength: 1, maxLength: 500 };
const ADDRESS = {
  type: "object",
  required: ["street", "city"],
  properties: { street: TEXT, city: TEXT, zip: TEXT, country: TEXT },
};
const LINE = {
  type: "object",
  required: ["sku", "quantity"],
  properties: {
    sku: TEXT,
    quantity: { type: "integer", minimum: 1, maximum: 1000 },
    price: { type: "number", multipleOf: 0.01 },
    gift: { anyOf: [{ type: "boolean" }, { type: "object", properties: { note: TEXT } }] },
  },
};
const ORDER = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object",
  required: ["id", "customer", "lines"],
  additionalProperties: false,
  properties: {
    id: { type: "integer", minimum: 1 },
    status: { enum: ["open", "paid", "sent"] },
    currency: { type: "string", pattern: "^[A-Z]{3}$" },
    note: { type: ["string", "null"], maxLength: 500 },
    tags: { type: "array", items: TEXT, maxItems: 20, uniqueItems: true },
    customer: {
      type: "object",
      required: ["name", "address"],
      properties: { name: TEXT, address: { $ref: "#/$defs/address" } },
    },
    billing: { $ref: "#/$defs/address" },
    lines: { type: "array", minItems: 1, items: { $ref: "#/$defs/line" } },
  },
  $defs: { address: ADDRESS, line: LINE },
};
const ADDRESS_VALUE = { street: "1 Long Street Name", city: "London", zip: "N1 9GU", country: "GB" };
const BODY = {
  id: 123456,
  status: "paid",
  currency: "EUR",
  note: "Please ring twice and leave it with the neighbours at number seven if nobody is at home.",
  tags: ["priority", "fragile", "gift wrapped"],
  customer: { name: "Ada Lovelace", address: ADDRESS_VALUE },
  billing: ADDRESS_VALUE,
  lines: Array.from({ length: 8 }, (_, at) => ({
    sku: `SKU-${at}`,
    quantity: at + 1,
    price: 19.99,
    gift: { note: "hi" },
  })),
};

const bench: Bench = {
  question: "What does it cost to validate a body of 1 KB, beside reading it?",
  run: async ({ quick }) => {
    const [rounds, times] = quick ? [3, 5_000] : [9, 30_000];
    const ways = await waysOfValidation();
    const us = new Map(ways.map(({ name }) => [name, [] as number[]]));
    for (let round = -1; round < rounds; round++)
      for (const { name, run } of ways) {
        const took = microseconds(run, times);
        if (round >= 0) us.get(name)?.push(took);
      }
    const parsing = us.get("parse") ?? [];
    return ways
      .filter(({ name }) => name !== "parse")
      .flatMap(({ name, what }): Figure[] => {
        const own = us.get(name) ?? [];
        const ratios = own.map((one, at) => one / (parsing[at] ?? one));
        return [
          { name: `${name}_ratio`, what: `${what}, to JSON.parse of the same body`, spread: spreadOf(ratios) },
          { name: `${name}_us`, what: `${what}, us`, spread: spreadOf(own) },
        ];
      });
  },
};
export default bench;

interface Way {
  readonly name: string;
  readonly what: string;
  readonly run: () => unknown;
}

async function waysOfValidation(): Promise<Way[]> {
  const text = JSON.stringify(BODY);
  const { schemas } = compileSchemas({ documents: { "order.json": ORDER }, roots: { Order: "order.json#" } });
  const set = new SchemaSet(schemas, makeRegex);
  const invalid = { ...BODY, id: 0 };
  const uri = "https://bench.example/order";
  registerSchema(ORDER as Parameters<typeof registerSchema>[0], uri);
  const peer = await compile(await getSchema(uri));
  unregisterSchema(uri);
  return [
    { name: "parse", what: "JSON.parse", run: () => JSON.parse(text) },
    { name: "valid", what: "a valid body", run: () => validate(set, "Order", BODY) },
    { name: "invalid", what: "a body with one violation", run: () => validate(set, "Order", invalid) },
    {
      name: "hyperjump",
      what: "a valid body by @hyperjump/json-schema",
      run: () => interpret(peer, Instance.fromJs(BODY)),
    },
  ];
}

function microseconds(run: () => unknown, times: number): number {
  const began = performance.now();
  for (let time = 0; time < times; time++) run();
  return ((performance.now() - began) * 1_000) / times;
}
