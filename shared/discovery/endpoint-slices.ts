/**
 * EndpointSlices of one service of Kubernetes (`discovery.k8s.io/v1`), as a list and the events of a watch tell them:
 * https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
 */
import * as z from "zod/mini";
import { limits } from "../limits.ts";
import { ZONE_LABEL } from "../policy/zones.ts";
import type { NamedEndpoint } from "./admit.ts";

const conditionsSchema = z.object({
  ready: z.nullish(z.boolean()),
  serving: z.nullish(z.boolean()),
  terminating: z.nullish(z.boolean()),
});

const sliceSchema = z.object({
  metadata: z.object({ name: z.string(), resourceVersion: z.optional(z.string()) }),
  addressType: z.string(),
  endpoints: z.nullish(
    z.array(
      z.object({
        addresses: z.array(z.string()),
        conditions: z.nullish(conditionsSchema),
        zone: z.nullish(z.string()),
        targetRef: z.nullish(z.object({ name: z.nullish(z.string()) })),
      }),
    ),
  ),
  ports: z.nullish(z.array(z.object({ name: z.nullish(z.string()), port: z.nullish(z.int()) }))),
});
type Slice = z.infer<typeof sliceSchema>;

const listSchema = z.object({
  metadata: z.object({ resourceVersion: z.string(), continue: z.optional(z.string()) }),
  items: z.nullish(z.array(sliceSchema)),
});

const eventSchema = z.object({ type: z.string(), object: z.unknown() });
const versionedSchema = z.object({ metadata: z.object({ resourceVersion: z.string() }) });
const statusSchema = z.object({ code: z.optional(z.int()), message: z.optional(z.string()) });

export interface SlicesState {
  slices: Map<string, Slice>;
  /** Where a watch goes on; empty: everything has to be listed. */
  resourceVersion: string;
  /** Pages of a list that is under way: until its last one what was known before holds. */
  listing: { readonly slices: Map<string, Slice>; pages: number } | undefined;
}

/** `gone`: what was known is too old to go on from (410): it holds until everything is listed anew. */
export type SlicesVerdict = "changed" | "alive" | "gone";

export const newSlices = (): SlicesState => ({ slices: new Map(), resourceVersion: "", listing: undefined });

/**
 * Takes one page of a list.
 * @returns what the next page is asked for with; undefined: it was the last, and is in use
 * @throws RangeError where it is no such list, or too long
 */
export function takeListPage(state: SlicesState, page: unknown): string | undefined {
  const parsed = listSchema.safeParse(page);
  if (!parsed.success) throw new RangeError("the answer is no list of EndpointSlices");
  const { metadata, items } = parsed.data;
  state.listing ??= { slices: new Map(), pages: 0 };
  if (++state.listing.pages > limits.discovery.slicesMax) throw new RangeError("the list has too many pages");
  for (const slice of items ?? []) putSlice(state.listing.slices, slice);
  if (metadata.continue !== undefined && metadata.continue !== "") return metadata.continue;
  state.slices = state.listing.slices;
  state.listing = undefined;
  state.resourceVersion = metadata.resourceVersion;
  return undefined;
}

/** @throws RangeError where it is no event, or one that tells of another error than 410 */
export function takeWatchEvent(state: SlicesState, event: unknown): SlicesVerdict {
  const { type, object } = orRefuse(eventSchema, event, "the watch said what is no event");
  if (type === "ERROR") {
    const { code, message = "" } = orRefuse(statusSchema, object, "the watch failed without a reason");
    if (code !== 410) throw new RangeError(`the watch failed: ${code ?? ""} ${message}`);
    startAnew(state);
    return "gone";
  }
  if (type === "BOOKMARK") {
    const { metadata } = orRefuse(versionedSchema, object, "a bookmark without its version");
    state.resourceVersion = metadata.resourceVersion;
    return "alive";
  }
  const slice = orRefuse(sliceSchema, object, "an event without an EndpointSlice");
  if (type === "DELETED") state.slices.delete(slice.metadata.name);
  else if (type === "ADDED" || type === "MODIFIED") putSlice(state.slices, slice);
  else return "alive";
  if (slice.metadata.resourceVersion !== undefined) state.resourceVersion = slice.metadata.resourceVersion;
  return "changed";
}

/** Everything has to be listed anew; until that has come, what is known holds. */
export function startAnew(state: SlicesState): void {
  state.resourceVersion = "";
  state.listing = undefined;
}

function orRefuse<T>(schema: z.ZodMiniType<T>, value: unknown, sentence: string): T {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new RangeError(sentence);
  return parsed.data;
}

function putSlice(slices: Map<string, Slice>, slice: Slice): void {
  if (!slices.has(slice.metadata.name) && slices.size >= limits.discovery.slicesMax)
    throw new RangeError(`the service has more than ${limits.discovery.slicesMax} EndpointSlices`);
  slices.set(slice.metadata.name, slice);
}

/**
 * Where the service can be called now. Whoever is not ready gets nothing new, whoever terminates neither; where nobody is ready, those
 * that still serve while they terminate do, as kube-proxy has it. One family of addresses: where there are both, each pod has one of
 * either, and IPv4 is taken.
 * @param port by its name, or its number
 */
export function endpointsOfSlices({ slices }: SlicesState, port: string | number): NamedEndpoint[] {
  const all = [...slices.values()];
  const family = all.some(({ addressType }) => addressType === "IPv4") ? "IPv4" : "IPv6";
  const found = all.filter(({ addressType }) => addressType === family).flatMap((slice) => ofSlice(slice, port));
  const ready = found.filter(({ standing }) => standing === "ready");
  const used = ready.length > 0 ? ready : found.filter(({ standing }) => standing === "serving");
  return used.map(({ endpoint }) => endpoint);
}

type Standing = "ready" | "serving" | "out";

function ofSlice({ endpoints, ports }: Slice, wanted: string | number) {
  const port = ports?.find(({ name, port: number }) => (typeof wanted === "number" ? number : name) === wanted)?.port;
  if (port === undefined || port === null) return [];
  return (endpoints ?? []).flatMap(({ addresses, conditions, zone, targetRef }) => {
    // All of them lead to the same place.
    const [host] = addresses;
    if (host === undefined) return [];
    const name = targetRef?.name;
    const endpoint = { ...(name && { name }), host, port, labels: zone ? { [ZONE_LABEL]: zone } : {} };
    return [{ endpoint, standing: standingOf(conditions) }];
  });
}

/** What is not said counts as ready, serving as ready is, and not terminating. */
function standingOf(conditions: z.infer<typeof conditionsSchema> | null | undefined): Standing {
  const isReady = conditions?.ready ?? true;
  const isServing = conditions?.serving ?? isReady;
  if (conditions?.terminating === true) return isServing ? "serving" : "out";
  return isReady ? "ready" : "out";
}
