/** Retries of services that call each other: each layer sends again what the one below it has sent again already. */
import { GATEWAY_SERVICE } from "../identity/spiffe-id.ts";
import { limits } from "../limits.ts";
import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, warning } from "./problem.ts";

interface Chain {
  /** Attempts at its last service that one request may come to. */
  readonly attempts: number;
  /** Layers of it whose retries the document says. */
  readonly said: number;
  /** `gateway -> orders (3) -> users (3)` */
  readonly text: string;
}

/** By what `access` says who calls whom; a list that everybody is in says nothing of that. */
export function checkRetryLayers(top: Cursor): DocumentProblem[] {
  const services = top.get("mesh", "services");
  const search: Search = { services, known: new Map(), under: new Set(), stepsLeft: limits.document.chainStepsMax };
  return services.entries.flatMap(([name, service]) => {
    const attempts = service.get("retries", "attempts");
    if (typeof attempts.value !== "number" || attempts.value < 1) return [];
    const chain = longestTo(name, search);
    if (chain.said < 2 || chain.attempts <= limits.document.attemptsProductMax) return [];
    const text = `one request may come to ${chain.attempts} attempts at ${name}: ${chain.text}`;
    const expected = "retries in one of these layers, `attempts: 0` in the others";
    return [warning("SLV3243", attempts.path, text, { expected })];
  });
}

interface Search {
  readonly services: Cursor;
  readonly known: Map<string, Chain>;
  /** Services that the way has come by. */
  readonly under: Set<string>;
  /** There are more ways through services that all call each other than anybody waits for. */
  stepsLeft: number;
}

/** The chain of callers with the most attempts; whoever calls itself over others is counted once. */
function longestTo(name: string, search: Search): Chain {
  const { services, known, under } = search;
  const found = known.get(name);
  if (found !== undefined) return found;
  under.add(name);
  const service = services.get(name);
  const callers = [...new Set(service.get("access").items.map((rule) => rule.get("from").text ?? ""))];
  const before = callers
    .filter((from) => from === GATEWAY_SERVICE || (services.get(from).exists && !under.has(from)))
    .filter(() => search.stepsLeft-- > 0)
    .map((from) => (from === GATEWAY_SERVICE ? EDGE : longestTo(from, search)))
    .reduce((most, one) => (most === NOBODY || one.attempts > most.attempts ? one : most), NOBODY);
  under.delete(name);
  const chain = extend(before, name, service.get("retries", "attempts").value);
  // What was cut short by a circle is not what others would find.
  if (under.size === 0) known.set(name, chain);
  return chain;
}

function extend(before: Chain, name: string, retries: unknown): Chain {
  const own = 1 + (typeof retries === "number" ? retries : limits.agent.retriesDefault);
  return {
    attempts: before.attempts * own,
    said: before.said + Number(typeof retries === "number" && retries > 0),
    text: before === NOBODY ? `${name} (${own})` : `${before.text} -> ${name} (${own})`,
  };
}

const NOBODY: Chain = { attempts: 1, said: 0, text: "" };
const EDGE: Chain = { attempts: 1, said: 0, text: GATEWAY_SERVICE };
