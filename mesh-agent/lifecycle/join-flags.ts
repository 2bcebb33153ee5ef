/** The part of the command line that says how an agent joins, and what its state is encrypted under. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { parseJoinToken } from "../control/enrolment.ts";
import type { PlatformJoin } from "../control/joining.ts";
import { ASKED_SOURCES, platformToken, type TokenSource } from "../control/platform-token.ts";
import type { SvidJoin } from "../control/svid-way.ts";
import type { AgentOptions } from "./agent-options.ts";

export interface JoinFlags {
  readonly join?: string;
  readonly joinOidcTokenFile?: string;
  readonly joinOidc?: string;
  readonly joinOidcAudience?: string;
  readonly control?: string;
  readonly root?: string;
  readonly stateKeyFile?: string;
  /** Path of a socket. */
  readonly svidFrom?: string;
  readonly svidHint?: string;
}

const source = (text: string): string => {
  if ((ASKED_SOURCES as readonly string[]).includes(text) || /^env:[A-Za-z_]\w*$/.test(text)) return text;
  throw new InvalidArgumentError(`expected ${ASKED_SOURCES.join(", ")} or env:NAME`);
};

const address = (text: string): string => {
  if (/^https?:\/\//.test(text) && URL.canParse(text)) return text;
  throw new InvalidArgumentError("expected a URL such as https://control.shop.example");
};

/** SPIFFE Workload Endpoint section 4, and the bound of the system on such paths. @returns its path */
export const unixSocket = (text: string): string => {
  const path = /^unix:(?:\/\/)?(\/[^?#]+)$/.exec(text)?.[1];
  if (path === undefined || Buffer.byteLength(path) > 100)
    throw new InvalidArgumentError("expected unix:///path/of/socket, at most 100 bytes long");
  return path;
};

/** `endpoint`: where SPIFFE's own variable says, which is read with all others. */
const svidSource = (text: string): string => (text === ENDPOINT ? text : unixSocket(text));
const ENDPOINT = "endpoint";

const fingerprint = (text: string): string => {
  const digits = text.replaceAll(":", "").toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(digits)) throw new InvalidArgumentError("expected a SHA-256 in hex");
  return digits;
};

export function withJoinFlags(command: Command): Command {
  return command
    .option("--join <token>", "join token for the first start (or SELVAGE_JOIN_TOKEN)")
    .option("--join-oidc-token-file <file>", "join by the platform's token in this file, read again on each use")
    .option("--join-oidc <source>", "join by a token of github, gcp, azure, or in env:NAME", source)
    .option("--join-oidc-audience <text>", "what that token is asked for: an audience of the document's issuer")
    .addOption(
      new Option(
        "--control <url>",
        "the control plane, to join without a join token (or SELVAGE_CONTROL_URL)",
      ).argParser(address),
    )
    .option(
      "--svid-from <socket>",
      "take the identity from the SPIFFE Workload API there (SPIRE), such as unix:///run/spire/agent.sock; " +
        "endpoint: as SPIFFE_ENDPOINT_SOCKET says",
      svidSource,
    )
    .option("--svid-hint <text>", "the SVID with that hint, where there are several (default: the first)")
    .option(
      "--root <fingerprint>",
      "the only root to believe then, SHA-256 in hex (default: as the URL answers)",
      fingerprint,
    )
    .option(
      "--state-key-file <file>",
      "key that the state is encrypted under (or SELVAGE_STATE_KEY, or the systemd credential selvage-state-key; " +
        "default: a file in the state folder)",
    );
}

/** @throws with a plain sentence for flags that do not go together */
export function joinOptions(
  flags: JoinFlags,
  environment: Readonly<Record<string, string | undefined>>,
): Pick<AgentOptions, "join" | "platform" | "svid" | "stateKeyFile"> {
  const token = flags.join ?? environment.SELVAGE_JOIN_TOKEN;
  const svid = svidJoin(flags, environment);
  if (svid !== undefined) return { join: undefined, platform: undefined, svid, stateKeyFile: flags.stateKeyFile };
  return {
    join: token === undefined || token === "" ? undefined : parseJoinToken(token),
    platform: platformJoin(flags, environment),
    stateKeyFile: flags.stateKeyFile,
  };
}

type Environment = Readonly<Record<string, string | undefined>>;

/** @throws where another way to join is named, too: the identity is of one issuer */
function svidJoin(flags: JoinFlags, environment: Environment): SvidJoin | undefined {
  const { svidFrom, svidHint: hint, join, joinOidc, joinOidcTokenFile, root } = flags;
  if (svidFrom === undefined && hint === undefined) return undefined;
  if (svidFrom === undefined) throw new Error("--svid-hint chooses among the SVIDs of --svid-from: give both");
  if ([join, joinOidc, joinOidcTokenFile, root].some((one) => one !== undefined))
    throw new Error(
      "--svid-from is the whole identity: without --join, --join-oidc, --join-oidc-token-file and --root",
    );
  const named = environment.SPIFFE_ENDPOINT_SOCKET;
  if (svidFrom === ENDPOINT && (named === undefined || named === ""))
    throw new Error("--svid-from endpoint: SPIFFE_ENDPOINT_SOCKET is not set");
  const socket = svidFrom === ENDPOINT ? namedSocket(named ?? "") : svidFrom;
  return { socket, hint, controlUrl: controlUrl(flags, environment, "with an SVID") };
}

function namedSocket(text: string): string {
  try {
    return unixSocket(text);
  } catch (error) {
    throw new Error(`SPIFFE_ENDPOINT_SOCKET is ${text}: ${(error as Error).message}`);
  }
}

function controlUrl({ control }: JoinFlags, { SELVAGE_CONTROL_URL: named }: Environment, how: string): string {
  const url = control ?? named;
  if (url === undefined || url === "")
    throw new Error(`to join ${how} say where the control plane is: --control or SELVAGE_CONTROL_URL`);
  return address(url);
}

function platformJoin(
  flags: JoinFlags,
  environment: Readonly<Record<string, string | undefined>>,
): PlatformJoin | undefined {
  const from = tokenSource(flags);
  if (from === undefined) return undefined;
  return {
    controlUrl: controlUrl(flags, environment, "by a token of the platform"),
    rootFingerprint: flags.root,
    token: () => platformToken(from, environment),
  };
}

function tokenSource({ joinOidcTokenFile: path, joinOidc: named, joinOidcAudience: audience }: JoinFlags) {
  if (path !== undefined && named !== undefined)
    throw new Error("--join-oidc-token-file and --join-oidc are two sources of one token: give one of them");
  if (path !== undefined) return { kind: "file", path } satisfies TokenSource;
  if (named === undefined) return undefined;
  if (named.startsWith("env:")) return { kind: "env", name: named.slice("env:".length) } satisfies TokenSource;
  const kind = ASKED_SOURCES.find((one) => one === named);
  if (kind === undefined || audience === undefined || audience === "")
    throw new Error(`--join-oidc ${named} needs --join-oidc-audience: what the token is asked for`);
  return { kind, audience } satisfies TokenSource;
}
