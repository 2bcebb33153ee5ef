/** What routes lead to by name, and by which methods. */

import { callsOfCode } from "./check-code.ts";
import { otherTargets } from "./check-edge-traffic.ts";
import type { Cursor } from "./cursor.ts";
import { callsOf } from "./part-call.ts";

export interface RouteUse {
  readonly route: Cursor;
  readonly name: string;
  /** The part of its aggregate; absent: the whole request goes there. */
  readonly part?: Cursor;
  /** Absent: any. */
  readonly methods?: readonly string[];
}

/** Each name that a route leads to, once for each way; whole URLs are no names. */
export function usesOf(route: Cursor): RouteUse[] {
  const methods = route.get("match", "methods").texts;
  const own = methods.length === 0 ? {} : { methods };
  const targets = [route.get("to").text ?? [], ...otherTargets(route).map(({ name }) => name)].flat();
  const parts = route.get("aggregate").entries.flatMap(([, part]) =>
    callsOf(part).flatMap(({ method, split }) => {
      if (split === undefined) return [];
      const { target } = split;
      const name = "service" in target ? target.service : undefined;
      return name === undefined ? [] : [{ route, name, part, methods: [method] }];
    }),
  );
  // Code calls as it likes.
  const called = callsOfCode(route).map(({ name }) => ({ route, name }));
  return [...[...new Set(targets)].map((name) => ({ route, name, ...own })), ...parts, ...called];
}

export const usesIn = (top: Cursor): RouteUse[] => top.get("gateway", "routes").items.flatMap(usesOf);
