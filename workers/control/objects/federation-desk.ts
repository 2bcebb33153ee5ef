/**
 * Bundles of trust domains: those of others, fetched and kept apart from each other, and the own one for them. It is part of the
 * authority's object. What becomes of a fetch is decided in `shared/policy/federation.ts`.
 */
import { bundleDocument, nextSequence } from "../../../shared/identity/bundle.ts";
import {
  type FederationAlarm,
  type FederationEvent,
  type FederationState,
  federatedRoots,
  federationAlarms,
  federationDueAt,
  isIssuer,
  type OutsideIssuer,
  outsideIssuer,
  type PartnerState,
  type Partners,
  stepFederation,
} from "../../../shared/policy/federation.ts";
import type { FederationStatus } from "../../../shared/wire/federation.ts";
import { parseCertificate } from "../authority/certificates.ts";
import { fetchBundle } from "../upstream/bundle-endpoint.ts";
import type { FederationAnswer, FederationOrder } from "./authority-rpc.ts";
import type { Trust } from "./rpc.ts";

export interface FederationOptions {
  readonly storage: DurableObjectStorage;
  /** Roots of this trust domain, PEM; none before the first apply. */
  readonly roots: () => Promise<readonly string[]>;
  /** Agents have to hear of something: a new id for the trust bundle. */
  readonly touch: (nowMs: number) => void;
  /** Tells agents, and sees to it that `refreshDue` is called in time. */
  readonly turn: () => Promise<void>;
}

export class FederationDesk {
  readonly #options: FederationOptions;
  readonly #storage: DurableObjectStorage;
  readonly #state: FederationState;

  constructor(options: FederationOptions) {
    this.#options = options;
    const { storage } = options;
    this.#storage = storage;
    const { sql } = storage;
    sql.exec("CREATE TABLE IF NOT EXISTS federation (trust_domain TEXT PRIMARY KEY, state TEXT)");
    sql.exec(
      "CREATE TABLE IF NOT EXISTS own_bundle (id INTEGER PRIMARY KEY CHECK (id = 1), sequence INTEGER, roots TEXT)",
    );
    const rows = sql.exec<{ trust_domain: string; state: string }>("SELECT * FROM federation").toArray();
    this.#state = Object.fromEntries(rows.map((row) => [row.trust_domain, JSON.parse(row.state) as PartnerState]));
  }

  /** Names of other trust domains. */
  get partners(): string[] {
    const others = Object.entries(this.#state).filter(([, { partner }]) => !isIssuer(partner));
    return others.map(([trustDomain]) => trustDomain);
  }

  /** Another issuer of the own one. */
  get outside(): OutsideIssuer | undefined {
    return outsideIssuer(this.#state);
  }

  /** For the trust bundle of agents. */
  get trust(): Pick<Trust, "federated" | "outside"> {
    const federated = federatedRoots(this.#state);
    const { outside } = this;
    return {
      ...(Object.keys(federated).length > 0 && { federated }),
      ...(outside !== undefined && { outside }),
    };
  }

  /** Roots of the own trust domain, of the authority and of an outside issuer. PEM. */
  async #roots(): Promise<readonly string[]> {
    const own = await this.#options.roots();
    return own.length === 0 ? [] : [...new Set([...own, ...(this.outside?.roots ?? [])])];
  }

  get alarms(): FederationAlarm[] {
    return federationAlarms(this.#state);
  }

  /** When the next bundle is to be fetched, milliseconds since the epoch. */
  get dueAtMs(): number {
    return federationDueAt(this.#state);
  }

  async order(order: FederationOrder): Promise<FederationAnswer> {
    if (order.type === "configure") await this.#configure(order.partners);
    if (order.type === "refresh") {
      this.#step({ type: "hurry" });
      await this.refreshDue();
    }
    return { status: this.#status(), bundle: await this.#bundle() };
  }

  async #configure(partners: Partners): Promise<void> {
    const nowMs = Date.now();
    if (this.#step({ type: "configured", partners })) this.#options.touch(nowMs);
    if (this.dueAtMs <= nowMs) await this.#storage.setAlarm(nowMs);
  }

  /** Fetches what is due. */
  async refreshDue(): Promise<void> {
    const nowMs = Date.now();
    const due = Object.entries(this.#state).filter(([, { dueAtMs }]) => dueAtMs <= nowMs);
    if (due.length === 0) return;
    const [authority, own] = [await this.#options.roots(), await this.#roots()];
    const outcomes = await Promise.all(
      due.map(([trustDomain, { partner }]) =>
        outcomeOf(trustDomain, partner.bundle, isIssuer(partner) ? authority : own),
      ),
    );
    if (outcomes.map((outcome) => this.#step(outcome)).includes(true)) this.#options.touch(Date.now());
    await this.#options.turn();
  }

  #status(): FederationStatus {
    const partners = Object.entries(this.#state).map(([trustDomain, known]) => ({
      trustDomain,
      ...(known.partner.names !== undefined && { issues: known.partner.names.id }),
      bundle: known.partner.bundle,
      roots: known.roots,
      ...(known.sequence !== undefined && { sequence: known.sequence }),
      ...(known.fetchedAtMs !== undefined && { fetchedAtMs: known.fetchedAtMs }),
      ...(known.failure !== undefined && { failure: known.failure }),
      nextAtMs: known.dueAtMs,
    }));
    return { partners, alarms: this.alarms };
  }

  /** The own bundle as JSON; undefined before the first apply. */
  async #bundle(): Promise<string | undefined> {
    const roots = await this.#roots();
    if (roots.length === 0) return undefined;
    const keys = await Promise.all(
      roots.map(async (pem) => {
        const root = parseCertificate(pem);
        const key = await root.publicKey.export();
        const jwk = (await crypto.subtle.exportKey("jwk", key)) as { kty: string };
        return { jwk, certificate: root.toString("base64").replaceAll(/\s/g, "") };
      }),
    );
    return JSON.stringify(bundleDocument(keys, this.#sequence(roots)));
  }

  #sequence(roots: readonly string[]): number {
    const text = JSON.stringify([...roots].sort());
    const { sql } = this.#storage;
    const last = sql.exec<{ sequence: number; roots: string }>("SELECT sequence, roots FROM own_bundle").toArray()[0];
    if (last?.roots === text) return last.sequence;
    const sequence = nextSequence(last?.sequence ?? 0, Date.now());
    sql.exec("INSERT OR REPLACE INTO own_bundle VALUES (1, ?, ?)", sequence, text);
    return sequence;
  }

  #step(event: FederationEvent): boolean {
    const isOther = stepFederation(this.#state, event, Date.now());
    this.#storage.transactionSync(() => {
      const { sql } = this.#storage;
      sql.exec("DELETE FROM federation");
      for (const [trustDomain, known] of Object.entries(this.#state))
        sql.exec("INSERT INTO federation VALUES (?, ?)", trustDomain, JSON.stringify(known));
    });
    return isOther;
  }
}

/** Never fails: what went wrong is an outcome too. */
async function outcomeOf(trustDomain: string, url: string, own: readonly string[]): Promise<FederationEvent> {
  try {
    const { roots, ...rest } = await fetchBundle(url, trustDomain);
    const mine = own.map((pem) => parseCertificate(pem).toString("pem"));
    if (roots.some((root) => mine.includes(root)))
      throw new Error("it holds a root of this mesh: that is its own bundle");
    return { type: "fetched", trustDomain, url, roots, ...rest };
  } catch (error) {
    return { type: "failed", trustDomain, url, reason: (error as Error).message };
  }
}
