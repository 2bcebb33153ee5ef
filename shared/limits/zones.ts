/** Bounds of `balance.zones`. */
export const zones = {
  /** Percent of healthy instances with which a zone keeps all of its requests; Envoy's overprovisioning factor of 1.4 is 71. */
  sufficientPercent: 70,
  /** Zones that a document names, and their order for each. */
  namesMax: 32,
} as const;
