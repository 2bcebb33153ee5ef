/** Bindings of a self-hosted gateway for targets of upstreams, by variables of its environment. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import { isOwnBinding } from "../../shared/policy/own-bindings.ts";
import type { BoundService, TlsIdentity } from "./workerd-config.ts";
import { WorkerConfigError } from "./wrangler-config.ts";

const BINDING = "BINDING_";
const MTLS = "MTLS_";

/** What is wrong with one variable. */
class Fault extends Error {}

/**
 * `BINDING_PAYMENTS=127.0.0.1:9000` is the binding `PAYMENTS`, answered by the HTTP server there; `https://pay.example` by one that
 * proves to be that host, and `https://pay.example 10.0.4.12:8443` by that one at another address. `MTLS_PARTNER=cert.pem,key.pem` is a
 * binding by which a certificate is shown wherever a target's URL leads, or at the address of `BINDING_PARTNER`; a third file has the CAs
 * that are believed instead of the public ones.
 * @returns what answers each binding
 * @throws WorkerConfigError with all that is wrong at once
 */
export function boundServices(environment: Readonly<Record<string, string | undefined>>): Record<string, BoundService> {
  const faults: string[] = [];
  const read = <Value>(prefix: string, readOne: (text: string) => Value): Map<string, Value> => {
    const found = new Map<string, Value>();
    for (const [variable, text = ""] of Object.entries(environment)) {
      if (!variable.startsWith(prefix)) continue;
      try {
        found.set(bindingName(variable.slice(prefix.length)), readOne(text));
      } catch (fault) {
        if (!(fault instanceof Fault)) throw fault;
        faults.push(`${variable}: ${fault.message}`);
      }
    }
    return found;
  };
  const services = read(BINDING, readAddress);
  for (const [name, identity] of read(MTLS, readIdentity)) {
    const at = services.get(name);
    if (at !== undefined && at.tls === undefined)
      faults.push(
        `${MTLS}${name}: a certificate is shown over TLS alone: write ${BINDING}${name}=https://HOST ${at.address}`,
      );
    services.set(name, { ...at, tls: { ...at?.tls, identity } });
  }
  if (faults.length > 0) throw new WorkerConfigError(faults.join("\n"));
  return Object.fromEntries(services);
}

function bindingName(name: string): string {
  if (!/^[A-Z][A-Z0-9_]{0,62}$/.test(name)) throw new Fault("a binding is called in capitals, such as PAYMENTS");
  if (isOwnBinding(name)) throw new Fault(`${name} is a binding of the gateway itself`);
  return name;
}

function readAddress(text: string): BoundService {
  const [, host, port = ":443", address] =
    /^https:\/\/([\w.-]+|\[[0-9a-fA-F:.]+\])(:\d{1,5})?(?: +(\S+))?$/.exec(text) ?? [];
  if (host === undefined) return { address: hostAndPort(text, text) };
  return { address: hostAndPort(address ?? `${host}${port}`, text), tls: { host: host.replace(/^\[|\]$/g, "") } };
}

function hostAndPort(address: string, text: string): string {
  const port = Number(/^(?:[\w.-]+|\[[0-9a-fA-F:.]+\]):(\d{1,5})$/.exec(address)?.[1] ?? 0);
  if (port >= 1 && port <= 65_535) return address;
  throw new Fault(`${JSON.stringify(text)} is no HOST:PORT, https://HOST or https://HOST HOST:PORT`);
}

function readIdentity(text: string): TlsIdentity {
  const [certificate = "", key = "", authorities, ...more] = text.split(",").map((file) => file.trim());
  if (certificate === "" || key === "" || authorities === "" || more.length > 0)
    throw new Fault("write CERTIFICATE,KEY or CERTIFICATE,KEY,CA: files in PEM");
  const [leaf] = certificatesIn(certificate);
  if (leaf?.checkPrivateKey(keyIn(key)) !== true) throw new Fault(`${key} is not the key of ${certificate}`);
  const files = { certificate: path.resolve(certificate), key: path.resolve(key) };
  if (authorities === undefined) return files;
  return { ...files, authorities: certificatesIn(authorities).map(String) };
}

/** At least one. */
function certificatesIn(file: string): X509Certificate[] {
  const blocks = textOf(file).match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  try {
    if (blocks.length > 0) return blocks.map((block) => new X509Certificate(block));
  } catch {
    // Said below, as where there is none.
  }
  throw new Fault(`${file} is no certificate in PEM`);
}

function keyIn(file: string) {
  const text = textOf(file);
  try {
    return createPrivateKey(text);
  } catch {
    throw new Fault(`${file} is no private key in PEM, or one that is encrypted`);
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new Fault(`${file} cannot be read: ${(error as Error).message}`);
  }
}
