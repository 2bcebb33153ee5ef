/**
 * What administrators do with the authority beyond its daily work: rotations of root and issuer, issuers from outside, workloads
 * that are denied. It is part of the authority's object; each step that it makes is in the audit log.
 */
import "reflect-metadata"; // before x509, as in authority/certificates.ts
import * as x509 from "@peculiar/x509";
import { limits } from "../../../shared/limits.ts";
import {
  type AuthorityVerdict,
  lookAgainMs,
  mustRenew,
  partnersUntilMs,
  type Rotation,
  renewWithinMs,
} from "../../../shared/policy/authority-rotation.ts";
import { type CaAlarm, caAlarms } from "../../../shared/policy/ca-alarms.ts";
import { refuseWorkload, type Workload } from "../../../shared/policy/denial.ts";
import type { OutsideIssuer } from "../../../shared/policy/federation.ts";
import type {
  CaStatus,
  CertificateStatus,
  DeniedInfo,
  DeniedList,
  DenyRequest,
  WaitingFor,
} from "../../../shared/wire/ca.ts";
import { randomBytes, toBase64Url } from "../authority/bytes.ts";
import { fingerprint, parseCertificate } from "../authority/certificates.ts";
import { readChain } from "../authority/external-chain.ts";
import { actorOf } from "./access-store.ts";
import type { AuthorityKeys, Keys } from "./authority-keys.ts";
import type { CaOrder } from "./authority-rpc.ts";
import { DenialStore } from "./denial-store.ts";
import type { StoredCertificate } from "./key-store.ts";
import type { LeafStore } from "./leaf-store.ts";
import { asRefused, refused } from "./refused.ts";
import type { Act, Actor, Laggards, Refused, Trust } from "./rpc.ts";

export interface DeskOptions {
  readonly sql: SqlStorage;
  readonly keys: AuthorityKeys;
  readonly leaves: LeafStore;
  /** Agents have to hear of something: a new id for the trust bundle. */
  readonly touch: (nowMs: number) => void;
  /** Tells agents, and goes on with what waits for them. */
  readonly turn: () => Promise<void>;
  readonly laggards: () => Promise<Laggards>;
  /** Names of other trust domains, which fetch the own bundle. */
  readonly partners: () => readonly string[];
  /** Who else issues for the own one. */
  readonly outside: () => OutsideIssuer | undefined;
  readonly audit: (act: Act) => Promise<void>;
}

/** Of steps that nobody asked for at that moment. */
const ITSELF = { by: "authority", author: "authority" };

export class CertificateDesk {
  readonly denials: DenialStore;
  readonly #options: DeskOptions;
  /** Agents that the hub knew last. */
  #agents = 0;

  constructor(options: DeskOptions) {
    this.#options = options;
    this.denials = new DenialStore(options.sql, options.leaves);
  }

  /** What the trust bundle says of it. */
  trust({ issuerFingerprint }: Keys, nowMs: number): Pick<Trust, "issuer" | "renewWithinMs" | "denied"> {
    const { state } = this.#options.keys.store;
    const denied = this.denials.denied(nowMs);
    const isEmpty = Object.values(denied).every((names: readonly string[]) => names.length === 0);
    const { renewEachMs, renewWithinMinMs, renewWithinMaxMs } = limits.authority;
    const within = renewWithinMs(this.#agents, renewEachMs, renewWithinMinMs, renewWithinMaxMs);
    return {
      ...(state !== undefined && mustRenew(state) && { issuer: issuerFingerprint, renewWithinMs: within }),
      ...(!isEmpty && { denied }),
    };
  }

  /** Goes on with a rotation where it may. @returns whether agents have to hear of it */
  async tick({ live, agents, known }: Laggards): Promise<boolean> {
    const { keys, leaves, touch } = this.#options;
    this.#agents = known;
    const nowMs = Date.now();
    const { rotation } = keys.store.state ?? {};
    if (rotation === undefined) return false;
    const held =
      rotation.kind === "root" && rotation.step === "renew" ? leaves.held(rotation.other ?? "", nowMs) : NONE;
    const partners = this.#options.partners().length;
    const verdict = keys.step({ type: "tick", live, away: agents - live, leaves: held.count, partners }, nowMs);
    if (!verdict.changed) return false;
    touch(nowMs);
    const behind = `${live} connected, ${agents - live} away, ${held.count} certificates left behind`;
    const detail = `${rotation.kind}: step ${verdict.passed} passed${live + held.count + agents > 0 ? `, ${behind}` : ""}`;
    await this.#audit("ca-step", verdict.dropped === undefined ? detail : `${detail}, root ${verdict.dropped} is gone`);
    return true;
  }

  /** A certificate came into the world whose holder was denied meanwhile: agents have to know its number, too. */
  issued(who: Workload, nowMs: number): void {
    if (refuseWorkload(this.denials.denied(nowMs), who) === undefined) return;
    this.#options.touch(nowMs);
    void this.#options.turn();
  }

  /** When a tick can next change something; milliseconds since the epoch. */
  dueAt(nowMs: number): number {
    const { state } = this.#options.keys.store;
    const { lookEveryMs, lookEveryMaxMs } = limits.authority;
    return state === undefined
      ? Number.POSITIVE_INFINITY
      : nowMs + lookAgainMs(state, nowMs, lookEveryMs, lookEveryMaxMs);
  }

  async order(order: CaOrder, actor: Actor): Promise<CaStatus | Refused> {
    const { keys } = this.#options;
    const { state } = keys.store;
    if (state === undefined) return NO_AUTHORITY;
    if (order.type === "rotate") return this.#rotate(state.root, order, actor);
    const verdict = keys.step(order, Date.now());
    if (order.type === "abort") return this.#begun(verdict, "ca-rotate", "given up", actor);
    const past = { all: "anybody", away: "agents that are away", partners: "other trust domains" }[order.whom];
    return this.#begun(verdict, "ca-rotate", `step ${order.step}: does not wait for ${past}`, actor);
  }

  async #rotate(
    root: string,
    { what, selfMade }: Extract<CaOrder, { type: "rotate" }>,
    actor: Actor,
  ): Promise<CaStatus | Refused> {
    const { keys } = this.#options;
    const external = keys.store.certificate("root", root)?.external === true;
    if (external && what === "issuer") return refused("rotation_refused", ISSUER_OUTSIDE);
    if (external && selfMade !== true) return refused("rotation_refused", ROOT_OUTSIDE);
    const nowMs = Date.now();
    const verdict = what === "root" ? await keys.beginRoot(nowMs) : await keys.beginIssuer(nowMs);
    return this.#begun(verdict, "ca-rotate", `${what}: begun`, actor);
  }

  async request(fresh: boolean, actor: Actor): Promise<{ csr: string } | Refused> {
    const { keys } = this.#options;
    if (keys.store.state === undefined) return NO_AUTHORITY;
    const isNew = fresh || keys.store.pending === undefined;
    const csr = await keys.request(fresh);
    if (isNew) await this.#audit("ca-csr", "a key waits for its certificate", actor);
    return { csr };
  }

  async importChain(pem: string, actor: Actor): Promise<{ warnings: readonly string[]; ca: CaStatus } | Refused> {
    const { keys } = this.#options;
    const { state, pending } = keys.store;
    if (state === undefined) return NO_AUTHORITY;
    if (pending === undefined) return refused("certificate_refused", "no key waits for a certificate: selvage ca csr");
    const spki = new Uint8Array(new x509.Pkcs10CertificateRequest(pending).publicKey.rawData);
    const nowMs = Date.now();
    try {
      const chain = await readChain(pem, spki, state.trustDomain, nowMs);
      const subject = chain.certificates[0]?.subject;
      const begun = await this.#begun(
        await keys.beginExternal(chain, nowMs),
        "ca-import",
        `issuer "${subject}"`,
        actor,
      );
      return "refused" in begun ? begun : { warnings: chain.warnings, ca: begun };
    } catch (error) {
      return asRefused(error);
    }
  }

  async deny(request: DenyRequest, by: Actor): Promise<DeniedInfo | Refused> {
    if (this.#options.keys.store.state === undefined) return NO_AUTHORITY;
    const nowMs = Date.now();
    const made = this.denials.add(`w-${toBase64Url(randomBytes(9))}`, request, nowMs);
    if ("refused" in made) return made;
    await this.#told("revoke", describe(made), { ...by, author: request.author });
    return made;
  }

  async lift(id: string, by: Actor): Promise<DeniedInfo | Refused> {
    const lifted = this.denials.remove(id);
    if (lifted === undefined) return refused("revocation_unknown", `no workload is revoked under ${id}`);
    await this.#told("unrevoke", describe(lifted), by);
    return lifted;
  }

  async denied(): Promise<DeniedList> {
    const { live, away, named } = waitingFor(await this.#options.laggards());
    return { denied: this.denials.list(Date.now()), waitingFor: { live, away, named } };
  }

  async status(): Promise<CaStatus> {
    const { keys, leaves, laggards } = this.#options;
    const nowMs = Date.now();
    const open = await keys.open(nowMs);
    const { state } = keys.store;
    if (open === undefined || state === undefined) return { trustDomain: "", roots: [], csrPending: false, alarms: [] };
    const { rotation } = state;
    const issuer = keys.store.certificate("issuer", state.root);
    const roots = open.roots.map(async (pem, at) => {
      const own = await statusOf({ pem, external: false });
      const external = keys.store.certificate("root", own.fingerprint)?.external === true;
      const other = rotation?.step === "trust" ? ("comes" as const) : ("goes" as const);
      return { ...own, external, state: at === 0 ? ("signs" as const) : other };
    });
    const isLeaving = rotation?.kind === "root" && rotation.step === "renew";
    const held = isLeaving ? leaves.held(rotation.other ?? "", nowMs) : NONE;
    const outside = this.#options.outside();
    return {
      trustDomain: state.trustDomain,
      roots: await Promise.all(roots),
      ...(outside !== undefined && {
        outside: {
          id: outside.id,
          roots: await Promise.all(outside.roots.map((pem) => statusOf({ pem, external: true }))),
        },
      }),
      ...(issuer !== undefined && { issuer: await statusOf(issuer) }),
      ...(rotation !== undefined && {
        rotation: {
          ...rotation,
          waitingFor: {
            ...waitingFor(await laggards()),
            ...{ leaves: held.count, leavesNamed: held.named },
            ...this.#partnersWaitedFor(rotation, nowMs),
          },
        },
      }),
      csrPending: keys.store.pending !== undefined,
      alarms: this.alarms(nowMs),
    };
  }

  #partnersWaitedFor(rotation: Rotation, nowMs: number): Pick<WaitingFor, "partners"> {
    const [named, untilMs] = [this.#options.partners(), partnersUntilMs(rotation)];
    return named.length > 0 && nowMs < untilMs ? { partners: { named, untilMs } } : {};
  }

  /** What ends soon. */
  alarms(nowMs: number): CaAlarm[] {
    const { store } = this.#options.keys;
    const { state } = store;
    if (state === undefined) return [];
    const ends = (kind: "root" | "issuer") => {
      const found = store.certificate(kind, state.root);
      if (found === undefined) return undefined;
      const endsAtMs = Math.min(...[found.pem, ...found.chain].map((pem) => parseCertificate(pem).notAfter.getTime()));
      return { endsAtMs, external: found.external };
    };
    return caAlarms(ends("root"), ends("issuer"), nowMs);
  }

  async #begun(verdict: AuthorityVerdict, act: Act["act"], detail: string, actor: Actor): Promise<CaStatus | Refused> {
    if (verdict.refused !== undefined) return refused("rotation_refused", verdict.refused);
    await this.#told(act, detail, actor);
    return this.status();
  }

  async #told(act: Act["act"], detail: string, actor: Actor): Promise<void> {
    this.#options.touch(Date.now());
    await this.#options.turn();
    await this.#audit(act, detail, actor);
  }

  /** A step that was made stays made, whatever becomes of its line. */
  async #audit(act: Act["act"], detail: string, actor?: Actor): Promise<void> {
    const who = actor === undefined ? ITSELF : actorOf(actor);
    try {
      await this.#options.audit({ act, ...who, version: 0, detail });
    } catch (error) {
      console.error(JSON.stringify({ kind: "error", act: "audit", of: act, detail, reason: String(error) }));
    }
  }
}

const NONE = { count: 0, named: [] };
const ISSUER_OUTSIDE = "the issuer is signed outside: selvage ca csr, have it signed, selvage ca import";
const ROOT_OUTSIDE = `the root is somebody else's. ${ISSUER_OUTSIDE}; for a root of its own again say --self-made`;
const NO_AUTHORITY = refused("document_missing", "there is no authority before the first apply");

function waitingFor({ agents, live, named }: Laggards): Pick<WaitingFor, "live" | "away" | "named"> {
  return {
    live,
    away: agents - live,
    named: named.map(({ service, instance, connected }) => ({ name: `${service}/${instance}`, connected })),
  };
}

async function statusOf({ pem, external }: Pick<StoredCertificate, "pem" | "external">): Promise<CertificateStatus> {
  const certificate = parseCertificate(pem);
  return {
    fingerprint: await fingerprint(certificate),
    subject: certificate.subject,
    external,
    notBeforeMs: certificate.notBefore.getTime(),
    notAfterMs: certificate.notAfter.getTime(),
    pem,
  };
}

function describe({ service, instance, serial }: DeniedInfo): string {
  if (serial !== undefined) return `certificate ${serial}`;
  return instance === undefined ? `service ${service}` : `instance ${service}/${instance}`;
}
