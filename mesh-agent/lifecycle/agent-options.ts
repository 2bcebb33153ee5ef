/** What an agent is started with. */
import type { TakeOptions } from "../control/take-identity.ts";
import type { Certificates } from "../front/certificates.ts";
import type { ChosenLines } from "../telemetry/log-access.ts";
import type { HostPort } from "./ports.ts";

export interface AgentOptions extends Pick<TakeOptions, "instance" | "join" | "platform" | "svid" | "insecure"> {
  readonly stateFolder: string;
  /** Holds the key that the state is encrypted under. */
  readonly stateKeyFile: string | undefined;
  readonly admin: HostPort;
  /** Where it runs: instances of the same zone are called first where the document says so. */
  readonly zone: string | undefined;
  readonly accessLog: ChosenLines;
  readonly role: RunRole | IngressRole;
}

/** Beside an application. */
export interface RunRole {
  readonly kind: "run";
  readonly command: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** Of the application; 0: a free one; absent: the plan's. */
  readonly appPort: number | undefined;
  readonly inbound: HostPort;
  /** What others reach the inbound listener by; port 0: the listener's own. */
  readonly advertise: HostPort;
  readonly outbound: HostPort;
  /** Path of the socket of the SPIFFE Workload API. */
  readonly workloadApi: string | undefined;
  /** Calls of the application carry on the trace of the request that causes them. */
  readonly propagation: boolean;
  /** Where the listener to the outside is, instead of where the document says. */
  readonly expose: HostPort | undefined;
  /** Without one nothing is shown to the outside. */
  readonly exposeCertificates: Certificates | undefined;
}

/** Between the gateway and the mesh. */
export interface IngressRole {
  readonly kind: "ingress";
  readonly listen: HostPort;
  /** What gateways are told to reach it by. Absent: they know it by a fixed address. */
  readonly advertise: HostPort | undefined;
  /** PEM texts. */
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
}
