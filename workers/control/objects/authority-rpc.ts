/** What the authority offers to the Worker and to the other objects. */
import type { CaAlarm } from "../../../shared/policy/ca-alarms.ts";
import type { Workload } from "../../../shared/policy/denial.ts";
import type { FederationAlarm, Partners } from "../../../shared/policy/federation.ts";
import type { RingKey } from "../../../shared/policy/key-ring.ts";
import type {
  CaStatus,
  DeniedInfo,
  DeniedList,
  DenyRequest,
  ForceRequest,
  IssuanceEntry,
  RotateCaRequest,
} from "../../../shared/wire/ca.ts";
import type { EnrolRequest } from "../../../shared/wire/enrolment.ts";
import type { FederationStatus } from "../../../shared/wire/federation.ts";
import type { EnrolmentKeyInfo, SvidJoinAnswer } from "../../../shared/wire/joining.ts";
import type { OutsideSvid } from "../authority/outside-svid.ts";
import type { Actor, Refused, Trust } from "./rpc.ts";
export type KeyKind = "signing" | "hop";

/** Kids of what a gateway holds. */
export type HeldKeys = { readonly [Kind in KeyKind]?: string };

/** What it lacks. `secret`: the private JWK as JSON, or 32 bytes as base64url. */
export type GatewayKeys = { [Kind in KeyKind]?: { readonly kid: string; readonly secret: string } };

export interface KeyRings {
  readonly rings: readonly { readonly kind: KeyKind; readonly keys: readonly RingKey[] }[];
  /** Id of the trust bundle that has them all. */
  readonly trust: string;
  /** What of the authority ends soon, and which bundles are not to be had. */
  readonly alarms: readonly (CaAlarm | FederationAlarm)[];
}

export interface IssuedCredentials {
  readonly service: string;
  readonly trustDomain: string;
  readonly certificates: string[];
  readonly roots: string[];
  readonly token: string;
  readonly notAfterMs: number;
  readonly mac?: string;
  /** See `Credentials`. */
  readonly lineage?: string[];
}

/** What is done about a rotation of the authority. */
export type CaOrder =
  | ({ readonly type: "rotate" } & Pick<RotateCaRequest, "what" | "selfMade">)
  | ({ readonly type: "force" } & Pick<ForceRequest, "step" | "whom">)
  | { readonly type: "abort" };

/** A request of which everything is proven but that it comes for the first time. */
export interface ProvenJoin {
  readonly csr: string;
  /** Public enrolment key and what it is known by. */
  readonly keyId: string;
  readonly challengeId: string;
  readonly challengeEndMs: number;
}

export interface ProvenTokenJoin extends ProvenJoin {
  readonly service: string;
  readonly instance: string;
  /** For logs: whose token, by which rule. */
  readonly cause: string;
  readonly tokenId: string;
  readonly tokenEndMs: number;
  readonly reuse: boolean;
  /** Version whose rules let it in. */
  readonly judgedBy: number;
}

/** By an SVID that is proven. */
export interface ProvenSvidJoin extends OutsideSvid, Pick<ProvenJoin, "challengeId" | "challengeEndMs"> {
  readonly instance: string;
}

export interface Admitted extends SvidJoinAnswer {
  /** When the token ends. */
  readonly tokenEndMs: number;
}

export interface AuthorityRpc extends Rpc.DurableObjectBranded {
  /** Makes root, issuer and the keys of gateways where there are none. @returns the trust domain that the authority is for */
  ensure(trustDomain: string): Promise<string>;
  trust(): Promise<Trust>;
  createJoinToken(
    service: string,
    lifetimeMs: number,
    url: string,
  ): Promise<{ readonly token: string; readonly expiresAtMs: number } | Refused>;
  enrol(request: EnrolRequest): Promise<IssuedCredentials | Refused>;
  /** @param keyId of the enrolment key that it is to come back by; absent: an older agent */
  renew(who: Workload, csr: string, keyId?: string): Promise<IssuedCredentials | Refused>;
  /** A line of the issuance log for a renewal that was refused before it came here. */
  noteRefusal(service: string, instance: string, reason: string): Promise<void>;
  /** @returns `outdated`: another version is live, whose rules decide */
  joinByToken(join: ProvenTokenJoin): Promise<IssuedCredentials | Refused | "outdated">;
  /** For the service and instance that the key was kept for. */
  joinByKey(join: ProvenJoin): Promise<IssuedCredentials | Refused>;
  /** Lets an agent connect whose certificate is an outside issuer's. */
  joinBySvid(join: ProvenSvidJoin): Promise<Admitted | Refused>;
  /** Writes why somebody does not join, for operators. @param who such as the instance that was named */
  refuseJoining(who: string, reason: string): Promise<Refused>;
  enrolmentKeys(): Promise<EnrolmentKeyInfo[]>;
  removeEnrolmentKey(id: string, by: string): Promise<EnrolmentKeyInfo | Refused>;
  /** The current keys, unless they are held; none before the first apply. */
  gatewayKeys(held: HeldKeys): Promise<GatewayKeys>;
  rotate(
    kind: KeyKind,
    how: { readonly now: boolean; readonly revoke: boolean },
  ): Promise<{ readonly kid: string } | Refused>;
  keyRings(): Promise<KeyRings>;
  ca(): Promise<CaStatus>;
  /** Newest first. */
  issuanceLog(): Promise<IssuanceEntry[]>;
  orderCa(order: CaOrder, actor: Actor): Promise<CaStatus | Refused>;
  requestIssuer(fresh: boolean, actor: Actor): Promise<{ readonly csr: string } | Refused>;
  importChain(
    pem: string,
    actor: Actor,
  ): Promise<{ readonly warnings: readonly string[]; readonly ca: CaStatus } | Refused>;
  deny(request: DenyRequest, by: Actor): Promise<DeniedInfo | Refused>;
  lift(id: string, by: Actor): Promise<DeniedInfo | Refused>;
  denied(): Promise<DeniedList>;
  federation(order: FederationOrder): Promise<FederationAnswer>;
}

/** About other trust domains: which the live document names, to fetch all of their bundles now, or nothing. */
export type FederationOrder =
  | { readonly type: "configure"; readonly partners: Partners }
  | { readonly type: "refresh" | "ask" };

export interface FederationAnswer {
  readonly status: FederationStatus;
  /** The own SPIFFE bundle as JSON; absent before the first apply. */
  readonly bundle?: string | undefined;
}
