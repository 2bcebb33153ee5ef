/** What the gateway tells its front of a stream, with the answer that begins it. The front takes the field away. */

export interface StreamBounds {
  readonly route: string;
  /** How long it may stand still; 0: for ever, undefined: as the front has it. */
  readonly idleMs: number | undefined;
  /** Upgraded connections of the route at once; undefined: no bound of its own. */
  readonly upgradedMax: number | undefined;
}

/** @returns value of the field; undefined: there is nothing to tell */
export function formatStreamBounds({ route, idleMs, upgradedMax }: StreamBounds): string | undefined {
  if (idleMs === undefined && upgradedMax === undefined) return undefined;
  return `${idleMs ?? "-"} ${upgradedMax ?? "-"} ${route}`;
}

const FORM = /^(\d{1,10}|-) (\d{1,7}|-) ([^ ]{1,200})$/;

/** @returns undefined for what `formatStreamBounds` has not written */
export function parseStreamBounds(text: string): StreamBounds | undefined {
  const [, idle, max, route] = FORM.exec(text) ?? [];
  if (idle === undefined || max === undefined || route === undefined) return undefined;
  const number = (digits: string): number | undefined => (digits === "-" ? undefined : Number(digits));
  return { route, idleMs: number(idle), upgradedMax: number(max) };
}
