import { randomUUID } from "node:crypto";
import { Command, Option } from "commander";
import { limits } from "../../shared/limits.ts";
import { GIVEN_ROLES, type GivenRole, type TokenInfo } from "../../shared/wire/tokens.ts";
import { CliError, exitCodes } from "../cli-error.ts";
import type { ControlOptions } from "../find-system.ts";
import { mintControlToken } from "../local/control-token.ts";
import { author, connect, durationArgument, type JsonOption, jsonOption, withControl } from "../options.ts";
import { ago, print, printJson, say, table } from "../output.ts";

interface Options extends ControlOptions, JsonOption {
  readonly role: GivenRole;
  readonly sub?: string;
  readonly owner?: readonly string[];
  readonly expires?: number;
  readonly list?: boolean;
  readonly revoke?: string;
}

export function tokenCommand(): Command {
  const command = new Command("token")
    .description("Make a token of the control API, show those that there are, or revoke one.")
    .addOption(new Option("--role <role>", "what it may do").choices(GIVEN_ROLES).default("admin"))
    .option("--owner <name...>", "with --role owner: owners of the document that it may act for")
    .option("--sub <name>", "the person or program that gets it (default: you)")
    .option("--expires <duration>", "how long it is good for (default: 12h)", durationArgument)
    .option("--list", "show the tokens that have not ended")
    .option("--revoke <id>", "refuse a token, and all that was made with it, from now on")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      `
No token gives more than the one that it is made with. Where SELVAGE_TOKEN_SECRET is set, the key of the control plane, tokens are
made with it, without a call: so is the first one.

Examples:
  selvage token --role viewer --sub ana
  selvage token --role owner --owner payments --expires 30d
  selvage token --revoke 5f0c1a2e-7c0b-4d5e-9a52-3a0b6c1d2e3f
  SELVAGE_TOKEN_SECRET=... selvage token --role gateway --sub edge --expires 30d`,
    );
  return withControl(command).action(token);
}

async function token(options: Options): Promise<void> {
  const { role, owner: owners, json } = options;
  if (options.list) return list(options);
  if (options.revoke !== undefined) return revoke(options.revoke, options);
  if ((role === "owner") !== (owners !== undefined))
    throw new CliError(exitCodes.usage, "--role owner and --owner NAME go together");
  const sub = options.sub ?? author();
  const secret = process.env.SELVAGE_TOKEN_SECRET;
  const asked = { role, sub, ...(owners !== undefined && { owners: [...owners] }) };
  const made = secret
    ? await mint(secret, asked, options.expires ?? limits.control.tokenLifetimeMs)
    : await connect(options).makeToken({
        ...asked,
        ...(options.expires !== undefined && { lifetimeMs: options.expires }),
      });
  if (json) return printJson(made);
  say(`good for ${ago(made.expiresAtMs - Date.now() + 500)}; take it back with: selvage token --revoke ${made.jti}`);
  print(made.token);
}

async function mint(secret: string, asked: { role: GivenRole; sub: string; owners?: string[] }, lifetimeMs: number) {
  if (Buffer.from(secret, "base64url").length < 32)
    throw new CliError(exitCodes.usage, "SELVAGE_TOKEN_SECRET is not a key: expected 32 bytes or more as base64url");
  const jti = randomUUID();
  const expiresAtMs = Date.now() + lifetimeMs;
  return { token: await mintControlToken(secret, { ...asked, jti }, lifetimeMs), jti, ...asked, expiresAtMs };
}

async function list(options: Options): Promise<void> {
  const tokens = await connect(options).tokens();
  if (options.json) return printJson({ tokens });
  if (tokens.length === 0) return print("no token that has not ended was made or revoked here");
  print(table(["ID", "ROLE", "FOR", "OWNERS", "ENDS", "MADE BY", ""], tokens.map(rowOf)));
}

function rowOf({ jti, role, sub, owners = [], expiresAtMs, madeBy, revokedAtMs }: TokenInfo) {
  const ends = `in ${ago(Math.max(0, expiresAtMs - Date.now()))}`;
  const state = revokedAtMs === undefined ? "" : ({ text: "revoked", style: "bad" } as const);
  return [jti, role, sub, owners.join(", "), ends, madeBy, state];
}

async function revoke(jti: string, options: Options): Promise<void> {
  const { revoked } = await connect(options).revokeToken(jti);
  if (options.json) return printJson({ revoked });
  for (const one of revoked) {
    const whose = one.sub === "" ? "" : ` of ${one.sub}`;
    say(`revoked: ${one.role} token${whose}`);
    print(one.jti);
  }
}
