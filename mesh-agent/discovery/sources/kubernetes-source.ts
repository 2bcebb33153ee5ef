import {
  endpointsOfSlices,
  newSlices,
  startAnew,
  takeListPage,
  takeWatchEvent,
} from "../../../shared/discovery/endpoint-slices.ts";
import type { KubernetesSource } from "../../../shared/discovery/settings.ts";
import { limits } from "../../../shared/limits.ts";
import { readBounded, readToken } from "./read-bounded.ts";
import type { Source, SourceEar } from "./source.ts";
import { askJson, readLines, type SourceCall, SourceRefusal } from "./source-call.ts";

const { caBytesMax, callTimeoutMs, slicesPerPage, tokenBytesMax, watchGraceMs, watchMs } = limits.discovery;
/** What a pod has of its service account. */
const ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";
const LABEL = "kubernetes.io/service-name";

/** The EndpointSlices of one service: listed once, then watched; after a break the watch goes on where it was. */
export class KubernetesWatch implements Source {
  readonly #settings: KubernetesSource;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #state = newSlices();

  /** @param environment of the agent, which names the API server of its cluster */
  constructor(settings: KubernetesSource, environment: NodeJS.ProcessEnv) {
    this.#settings = settings;
    this.#environment = environment;
  }

  async ask(ear: SourceEar, signal: AbortSignal): Promise<number> {
    try {
      if (this.#state.resourceVersion === "") await this.#list(ear, signal);
      await this.#watch(ear, signal);
    } catch (error) {
      // Too old to go on from (410): everything is listed anew.
      if (!(error instanceof SourceRefusal) || error.status !== 410) throw error;
      startAnew(this.#state);
    }
    return 0;
  }

  async #list(ear: SourceEar, signal: AbortSignal): Promise<void> {
    startAnew(this.#state);
    let next: string | undefined = "";
    while (next !== undefined) {
      const page = next === "" ? {} : { continue: next };
      const call = this.#call({ limit: String(slicesPerPage), ...page }, callTimeoutMs, signal);
      next = takeListPage(this.#state, (await askJson(call)).value);
    }
    ear.answer(this.#endpoints);
  }

  async #watch(ear: SourceEar, signal: AbortSignal): Promise<void> {
    const watching = {
      watch: "true",
      allowWatchBookmarks: "true",
      resourceVersion: this.#state.resourceVersion,
      timeoutSeconds: String(watchMs / 1_000),
    };
    const call = this.#call(watching, watchMs + watchGraceMs, signal);
    // From what is known on everything is told: it holds until then.
    const onOpen = (): void => ear.same();
    await readLines(call, onOpen, (event) => {
      const verdict = takeWatchEvent(this.#state, event);
      if (verdict === "gone") throw new SourceRefusal(410, "the watch is too old");
      if (verdict === "changed") ear.answer(this.#endpoints);
      else ear.same();
    });
  }

  get #endpoints() {
    return endpointsOfSlices(this.#state, this.#settings.port);
  }

  /** Token and roots are read for each call: Kubernetes replaces them while a pod runs. */
  #call(query: Readonly<Record<string, string>>, silenceMs: number, signal: AbortSignal): SourceCall {
    const { service, namespace, tokenFile = `${ACCOUNT}/token`, caFile, api } = this.#settings;
    const url = new URL(`/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`, api ?? this.#ownApi);
    url.searchParams.set("labelSelector", `${LABEL}=${service}`);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const token = readToken(tokenFile, tokenBytesMax);
    const roots = caFile ?? (api === undefined ? `${ACCOUNT}/ca.crt` : undefined);
    return {
      url,
      headers: { authorization: `Bearer ${token}`, accept: "application/json" },
      ca: roots === undefined ? undefined : readBounded(roots, caBytesMax),
      silenceMs,
      signal,
    };
  }

  get #ownApi(): string {
    const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = "443" } = this.#environment;
    if (host === undefined) throw new Error("the agent runs in no cluster of Kubernetes: the document names no `api`");
    return `https://${host.includes(":") ? `[${host}]` : host}:${port}`;
  }
}
