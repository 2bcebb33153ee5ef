/** Fetches the bundle of another trust domain (SPIFFE Federation section 5.2.1.4): bounded in time, size and redirections. */
import "reflect-metadata"; // before x509, as in authority/certificates.ts
import * as x509 from "@peculiar/x509";
import { type Bundle, readBundle } from "../../../shared/identity/bundle.ts";
import { limits } from "../../../shared/limits.ts";
import { refuseBundleUrl } from "../../../shared/policy/federation.ts";
import { refuseConstraints } from "../authority/name-constraints.ts";

export interface FetchedBundle extends Omit<Bundle, "certificates"> {
  /** PEM. */
  readonly roots: string[];
}

/** @throws Error with what is wrong, for operators */
export async function fetchBundle(url: string, trustDomain: string): Promise<FetchedBundle> {
  const signal = AbortSignal.timeout(limits.federation.fetchTimeoutMs);
  const response = await follow(url, signal);
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`it answered with status ${response.status}`);
  }
  const bundle = readBundle(parseJson(await readText(response, signal)));
  if ("refused" in bundle) throw new Error(bundle.refused);
  const { certificates, ...rest } = bundle;
  return { ...rest, roots: [...new Set(certificates.map((der) => rootOf(der, trustDomain)))] };
}

async function follow(from: string, signal: AbortSignal): Promise<Response> {
  let url = from;
  for (let hops = 0; hops <= limits.federation.redirectsMax; hops++) {
    const wrong = refuseBundleUrl(url);
    if (wrong !== undefined) throw new Error(`it leads to a URL that ${wrong}`);
    const response = await ask(url, signal);
    const location = response.headers.get("location");
    if (![301, 302, 303, 307, 308].includes(response.status) || location === null) return response;
    await response.body?.cancel();
    if (!URL.canParse(location, url)) throw new Error("it leads to what is no URL");
    url = new URL(location, url).href;
  }
  throw new Error(`it leads on more than ${limits.federation.redirectsMax} times`);
}

async function ask(url: string, signal: AbortSignal): Promise<Response> {
  try {
    return await fetch(url, { signal, redirect: "manual", headers: { accept: "application/json" } });
  } catch (error) {
    throw signal.aborted ? late() : new Error(`it cannot be reached: ${(error as Error).message}`);
  }
}

const late = (): Error => new Error(`it did not answer within ${limits.federation.fetchTimeoutMs / 1_000} s`);

async function readText({ body }: Response, signal: AbortSignal): Promise<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
  const { bundleBytesMax } = limits.federation;
  let [text, bytes] = ["", 0];
  try {
    for await (const chunk of body ?? []) {
      bytes += chunk.byteLength;
      if (bytes > bundleBytesMax) throw new Error(`it answered with more than ${bundleBytesMax} bytes`);
      text += decoder.decode(chunk, { stream: true });
    }
    return text + decoder.decode();
  } catch (error) {
    if (signal.aborted) throw late();
    throw error instanceof TypeError ? new Error("its answer is no UTF-8") : error;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error("its answer is no JSON");
  }
}

/** @param der base64. @returns PEM of an authority that may speak for the trust domain */
function rootOf(der: string, trustDomain: string): string {
  const root = parseRoot(der);
  if (root.getExtension(x509.BasicConstraintsExtension)?.ca !== true)
    throw new Error(`its certificate of "${root.subject}" is no authority`);
  const names = root.getExtension(x509.SubjectAlternativeNameExtension)?.names.toJSON() ?? [];
  const other = names.find(({ type, value }) => type === "url" && !speaksFor(String(value), trustDomain));
  if (other !== undefined) throw new Error(`its root "${root.subject}" is of ${other.value}`);
  const constraints = root.getExtension(NAME_CONSTRAINTS);
  const wrong = constraints && refuseConstraints(new Uint8Array(constraints.value), trustDomain);
  if (wrong) throw new Error(`its root "${root.subject}" is not for ${trustDomain}: ${wrong}`);
  return root.toString("pem");
}

const NAME_CONSTRAINTS = "2.5.29.30";

function parseRoot(der: string): x509.X509Certificate {
  try {
    return new x509.X509Certificate(Uint8Array.from(atob(der), (char) => char.charCodeAt(0)));
  } catch {
    throw new Error("it holds a certificate that cannot be read");
  }
}

/** A URI of an authority, which has the trust domain alone (X509-SVID section 2). */
function speaksFor(uri: string, trustDomain: string): boolean {
  return !uri.startsWith("spiffe://") || uri.replace(/\/$/, "") === `spiffe://${trustDomain}`;
}
