/** Checks of `balance` and `breaker`: settings without effect or against each other. */
import type { Cursor } from "./cursor.ts";
import { type DocumentProblem, error } from "./problem.ts";
import { parseDurationMs } from "./units.ts";

export function checkBalance(service: Cursor): DocumentProblem[] {
  const balance = service.get("balance");
  return [...checkHash(balance), ...checkFailover(balance), ...checkEjection(service.get("breaker"))];
}

function checkFailover(balance: Cursor): DocumentProblem[] {
  return balance.get("zones", "failover").entries.flatMap(([own, order]) => {
    const before = new Set([own]);
    return order.items.flatMap((zone) => {
      const { text, path } = zone;
      if (text === undefined) return [];
      const problem =
        text === own
          ? [error("SLV3072", path, `${own} is the zone that this order is for: it comes first anyway`)]
          : before.has(text)
            ? [error("SLV3072", path, `${text} comes earlier in this order`)]
            : [];
      before.add(text);
      return problem;
    });
  });
}

function checkHash(balance: Cursor): DocumentProblem[] {
  const [hash, bounded, slow] = [balance.get("hash"), balance.get("boundedLoad"), balance.get("slowStart")];
  const isHash = balance.get("policy").text === "consistent-hash";
  if (isHash && !hash.exists)
    return [
      error("SLV2002", balance.path, "`consistent-hash` needs `hash`: the header, cookie or claim that it goes by"),
    ];
  if (!isHash)
    return [hash, bounded]
      .filter(({ exists }) => exists)
      .map(({ path }) => error("SLV3009", path, "this is for `policy: consistent-hash` alone", { at: "key" }));
  const sources = hash.keys.length;
  const problems = slow.exists
    ? [error("SLV3009", slow.path, "`consistent-hash` has no slow start: a key has its instance", { at: "key" })]
    : [];
  if (sources === 1) return problems;
  return [...problems, error("SLV2005", hash.path, "`hash` needs exactly one thing that it goes by")];
}

function checkEjection(breaker: Cursor): DocumentProblem[] {
  const [first, longest] = [breaker.get("ejectFor"), breaker.get("maxEjectFor")];
  const firstMs = parseDurationMs(first.text ?? "");
  const longestMs = parseDurationMs(longest.text ?? "");
  if (firstMs === undefined || longestMs === undefined || firstMs <= longestMs) return [];
  return [error("SLV3009", longest.path, "`maxEjectFor` is shorter than `ejectFor`")];
}
