/** `npm run -s demo:token -- alice [scope ...]`: an access token of the shop's test identity provider on stdout. */
import path from "node:path";
import { InvalidArgumentError } from "commander";
import { AUDIENCE, issuerOf, readKey, signToken, TOKEN_LIFETIME_SECONDS } from "../examples/shop/tokens.ts";
import { requireProcess } from "./support/local-system.ts";
import { program, runProgram } from "./support/program.ts";

interface Options {
  scopes: boolean;
  expiresIn: number;
  audience: string;
  issuer?: string;
}

const command = program("demo:token")
  .description("Prints an access token of the shop's test identity provider.")
  .argument("<subject>", "sub of the token, such as alice")
  .argument("[scope...]", "scopes (default: orders:read)")
  .option("--no-scopes", "no scope at all")
  .option("--expires-in <seconds>", "seconds from now, negative: expired already", seconds, TOKEN_LIFETIME_SECONDS)
  .option("--audience <text>", "aud of the token", AUDIENCE)
  .option("--issuer <url>", "iss of the token (default: the provider's own)")
  .action(async (subject: string, scopes: string[], options: Options) => {
    const { state, entry } = requireProcess("idp");
    const token = await signToken(
      readKey(path.join(state, "idp")),
      {
        issuer: options.issuer ?? issuerOf(entry.ports.http ?? 0),
        subject,
        audience: options.audience,
        scopes: options.scopes ? (scopes.length > 0 ? scopes : ["orders:read"]) : [],
        expiresInSeconds: options.expiresIn,
      },
      Date.now(),
    );
    process.stdout.write(`${token}\n`);
  });

function seconds(value: string): number {
  if (!/^-?\d{1,9}$/.test(value)) throw new InvalidArgumentError("expected whole seconds");
  return Number(value);
}

await runProgram(command);
