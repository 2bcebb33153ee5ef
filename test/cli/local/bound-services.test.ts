import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path, { resolve } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { boundServices } from "../../../cli/local/bound-services.ts";
import { workerdConfig } from "../../../cli/local/workerd-config.ts";
import { readWorkerDefinition } from "../../../cli/local/wrangler-config.ts";
import { makeAuthority } from "../../support/certificates.ts";

const root = resolve(import.meta.dirname, "../../..");

test("each variable is a binding", () => {
  const environment = {
    ...{ BINDING_PAYMENTS: "127.0.0.1:9000", BINDING_B2: "[::1]:80", HOME: "/", SECRET_X: "s" },
    ...{ BINDING_TLS: "https://pay.example", BINDING_PORT: "https://pay.example:8443" },
    BINDING_MOVED: "https://pay.example 10.0.4.12:8443",
  };
  expect(boundServices(environment)).toEqual({
    PAYMENTS: { address: "127.0.0.1:9000" },
    B2: { address: "[::1]:80" },
    TLS: { address: "pay.example:443", tls: { host: "pay.example" } },
    PORT: { address: "pay.example:8443", tls: { host: "pay.example" } },
    MOVED: { address: "10.0.4.12:8443", tls: { host: "pay.example" } },
  });
});

function faultOf(environment: Record<string, string>): string {
  try {
    boundServices(environment);
  } catch (error) {
    return String(error);
  }
  return "";
}

test("everything that is wrong is told at once", () => {
  const environment = {
    ...{ BINDING_CONTROL: "a:1", BINDING_low: "a:1", BINDING_A: "http://a:1", BINDING_B: "a:70000", BINDING_: "a:1" },
    ...{ BINDING_C: "https://a/path", BINDING_D: "https://a b", BINDING_E: "https://a:0", BINDING_F: "" },
    ...{ MTLS_CONTROL: "a,b", MTLS_G: "a", MTLS_H: "a,b,", MTLS_I: "a,b,c,d", MTLS_J: "/nowhere.pem,/nowhere.key" },
  };
  const message = faultOf(environment);
  for (const name of Object.keys(environment)) expect(message).toContain(`${name}: `);
});

describe("certificates", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "selvage-mtls-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const put = (name: string, text: string): string => {
    writeFileSync(path.join(folder, name), text);
    return path.join(folder, name);
  };
  const authority = await makeAuthority("a.example");
  const [one, two] = [await authority.issue("one"), await authority.issue("two")];
  const [pem, key, ca] = [put("a.pem", one.certPem), put("a.key", one.keyPem), put("ca.pem", authority.rootPem)];

  test("are files, each with its key", () => {
    expect(boundServices({ MTLS_A: `${pem},${key}` })).toEqual({ A: { tls: { identity: { certificate: pem, key } } } });
    const both = boundServices({ MTLS_A: `${pem}, ${key}, ${ca}`, BINDING_A: "https://a.example 127.0.0.1:1" });
    expect(both).toMatchObject({
      A: { address: "127.0.0.1:1", tls: { host: "a.example", identity: { authorities: [expect.any(String)] } } },
    });
  });

  test.each<[string, Record<string, string>, string]>([
    ["another's key", { MTLS_A: `${pem},${put("b.key", two.keyPem)}` }, "is not the key of"],
    ["no key", { MTLS_A: `${pem},${pem}` }, "is no private key in PEM"],
    ["no certificate", { MTLS_A: `${key},${key}` }, "is no certificate in PEM"],
    [
      "a broken one",
      { MTLS_A: `${put("c.pem", one.certPem.replace("MII", "AAA"))},${key}` },
      "is no certificate in PEM",
    ],
    ["CAs that are none", { MTLS_A: `${pem},${key},${key}` }, "is no certificate in PEM"],
    [
      "an address without TLS",
      { MTLS_A: `${pem},${key}`, BINDING_A: "a:1" },
      "over TLS alone: write BINDING_A=https://HOST a:1",
    ],
  ])("%s: refused with what to do", (_, environment, message) => {
    expect(faultOf(environment)).toContain(message);
  });

  test("an encrypted key is refused, and nobody is asked for a password", () => {
    if (spawnSync("openssl", ["version"]).error !== undefined) return;
    const args = ["pkcs8", "-topk8", "-v2", "aes-256-cbc", "-passout", "pass:x", "-in", key];
    const locked = put("locked.key", execFileSync("openssl", args).toString());
    expect(faultOf({ MTLS_A: `${pem},${locked}` })).toContain("one that is encrypted");
  });

  test("workerd reads the key where it is", () => {
    const text = configOf({ ...boundServices({ MTLS_A: `${pem},${key}` }) }, path.dirname(folder));
    const name = path.basename(folder);
    expect(text).toContain(
      `(name = "service:A", network = (allow = ["public", "private"], tlsOptions = (keypair = (privateKey = embed "${name}/a.key", certificateChain = embed "${name}/a.pem"), trustBrowserCas = true)))`,
    );
  });
});

const configOf = (services: ReturnType<typeof boundServices>, folder = "/tmp"): string =>
  workerdConfig(readWorkerDefinition(resolve(root, "wrangler.toml")), {
    modules: { folder: "modules", names: ["worker.mjs"] },
    listen: { host: "127.0.0.1", port: 1 },
    objectsFolder: "/tmp",
    vars: {},
    secrets: [],
    services: { CONTROL: "127.0.0.1:2", ...services },
    folder,
  });

test("workerd binds them beside those of wrangler.toml", () => {
  const text = configOf(
    boundServices({ BINDING_PAYMENTS: "127.0.0.1:9000", BINDING_B: "https://b.example 127.0.0.1:1" }),
  );
  expect(text).toContain('(name = "service:PAYMENTS", external = (address = "127.0.0.1:9000", http = ()))');
  expect(text).toContain('(name = "PAYMENTS", service = "service:PAYMENTS")');
  expect(text).toContain(
    '(name = "service:B", external = (address = "127.0.0.1:1", https = (options = (), tlsOptions = (trustBrowserCas = true), certificateHost = "b.example")))',
  );
  expect(text.match(/service:CONTROL/g)).toHaveLength(2);
});
