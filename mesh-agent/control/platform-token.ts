/** Tokens that a platform gives its workloads, asked for where they are: each time anew. */
import { readFileSync, statSync } from "node:fs";
import { join as bounds } from "../../shared/limits/join.ts";
import { EnrolmentError } from "./enrolment.ts";
import { getText } from "./post-json.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Where tokens come from. */
export type TokenSource =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "env"; readonly name: string }
  | { readonly kind: "github" | "gcp" | "azure"; readonly audience: string };

/** Those that are asked for by name; they need an audience. */
export const ASKED_SOURCES = ["github", "gcp", "azure"] as const;

/** @throws EnrolmentError; not final where asking again may help */
export async function platformToken(source: TokenSource, environment: Environment): Promise<string> {
  if (source.kind === "file") return fromFile(source.path);
  if (source.kind === "env") return fromEnvironment(source.name, environment);
  const { audience } = source;
  if (source.kind === "github") return fromGithub(audience, environment);
  return source.kind === "gcp" ? fromGoogle(audience, environment) : fromAzure(audience, environment);
}

/** A projected token is exchanged by the platform: what is there now counts. */
function fromFile(path: string): string {
  try {
    if (statSync(path).size > bounds.fileBytesMax) throw new Error("it is too large for a token");
    const token = readFileSync(path, "utf8").trim();
    if (token === "") throw new Error("it is empty");
    return token;
  } catch (error) {
    throw new EnrolmentError(`cannot read the token in ${path}: ${(error as Error).message}`, false, error);
  }
}

function fromEnvironment(name: string, environment: Environment): string {
  const token = environment[name]?.trim() ?? "";
  if (token === "") throw new EnrolmentError(`there is no token in the environment variable ${name}`, true);
  return token;
}

/** GitHub Actions, with `permissions: id-token: write`. */
async function fromGithub(audience: string, environment: Environment): Promise<string> {
  const { ACTIONS_ID_TOKEN_REQUEST_URL: url = "", ACTIONS_ID_TOKEN_REQUEST_TOKEN: token = "" } = environment;
  if (!URL.canParse(url) || token === "")
    throw new EnrolmentError(
      "ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN are not set: give the job `permissions: id-token: write`",
      true,
    );
  const target = new URL(url);
  target.searchParams.set("audience", audience);
  const text = await ask(target, { authorization: `Bearer ${token}`, accept: "application/json" });
  return member(target, text, "value");
}

/** An instance identity token of the metadata server. */
function fromGoogle(audience: string, { GCE_METADATA_HOST: host = "metadata.google.internal" }: Environment) {
  const target = new URL(`http://${host}/computeMetadata/v1/instance/service-accounts/default/identity`);
  target.searchParams.set("audience", audience);
  target.searchParams.set("format", "full");
  return ask(target, { "metadata-flavor": "Google" }).then((text) => text.trim());
}

/** A managed identity's token: of App Service and Container Apps where these say so, else of the machine. */
async function fromAzure(audience: string, environment: Environment): Promise<string> {
  const { IDENTITY_ENDPOINT: endpoint, IDENTITY_HEADER: secret, AZURE_CLIENT_ID: client } = environment;
  const isHosted = endpoint !== undefined && secret !== undefined && URL.canParse(endpoint);
  const target = new URL(isHosted ? endpoint : "http://169.254.169.254/metadata/identity/oauth2/token");
  target.searchParams.set("api-version", isHosted ? "2019-08-01" : "2018-02-01");
  target.searchParams.set("resource", audience);
  if (client !== undefined && client !== "") target.searchParams.set("client_id", client);
  const headers: Record<string, string> = isHosted ? { "x-identity-header": secret } : { metadata: "true" };
  return member(target, await ask(target, headers), "access_token");
}

async function ask(url: URL, headers: Readonly<Record<string, string>>): Promise<string> {
  try {
    const { status, text } = await getText(url, headers, bounds.sourceWaitMs);
    if (status !== 200) throw new Error(`it answered ${status}`);
    return text;
  } catch (error) {
    throw new EnrolmentError(`no token of ${url.origin}: ${(error as Error).message}`, false, error);
  }
}

function member(url: URL, text: string, name: string): string {
  try {
    const value = (JSON.parse(text) as Record<string, unknown>)[name];
    if (typeof value === "string" && value !== "") return value;
  } catch {
    // Said below.
  }
  throw new EnrolmentError(`${url.origin} answered without a token (${name})`, false);
}
