/** Which `validate` a route is held to: its own, or that of the service or upstream which it leads to. */
import type { Cursor } from "./cursor.ts";

/** @returns the `validate` in force; undefined: none, or the route takes back that of its target (`validate: false`) */
export function validatePlace(route: Cursor, top: Cursor): Cursor | undefined {
  const own = route.get("validate");
  if (own.value === false) return undefined;
  return own.exists ? own : targetPlace(route, top);
}

/** That of the service or upstream in `to`. */
export function targetPlace(route: Cursor, top: Cursor): Cursor | undefined {
  const to = route.get("to").text;
  if (to === undefined) return undefined;
  return heldPlaces(top).find(([name]) => name === to)?.[1];
}

/** `validate` of services and upstreams, by their names. */
export function heldPlaces(top: Cursor): [name: string, validate: Cursor][] {
  return [top.get("mesh", "services"), top.get("gateway", "upstreams")].flatMap(({ entries }) =>
    entries.flatMap(([name, one]): [string, Cursor][] => {
      const validate = one.get("validate");
      return validate.exists ? [[name, validate]] : [];
    }),
  );
}
