/** The examples of RFC 9449. */
import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import { limits } from "../../../shared/limits.ts";
import { DpopProofs } from "../../../workers/gateway/authority/dpop-proofs.ts";
import type { ProofContext } from "../../../workers/gateway/authority/verifier.ts";
import type { Env } from "../../../workers/gateway/env.ts";
import type { TakenProof } from "../../../workers/gateway/objects/replay-store.ts";

/** Remembers without an end: the objects' alarms go by the true time, which is far from that of the examples. */
const used = new Set<string>();
const take = async (hash: string): Promise<TakenProof> => (used.size < used.add(hash).size ? "first" : "again");
const bindings = { ...env, REPLAY: { getByName: () => ({ take }) } } as unknown as Env;

const JKT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
const HEADER =
  "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19";
const TOKEN_REQUEST = `${HEADER}.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg`;
const RESOURCE_REQUEST = `${HEADER}.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA`;
const TOKEN = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";

function context(proof: string, url: string, method = "GET", atMs = 1_562_262_620_000): ProofContext {
  const { host, pathname } = new URL(url);
  return {
    env: bindings,
    nowMs: atMs,
    request: new Request(url, { method, headers: { dpop: proof } }),
    target: { host, authority: host, path: pathname, query: "" },
    connection: { scheme: "https" },
    answer: () => undefined,
  } as unknown as ProofContext;
}
const resource = "https://resource.example.org/protectedresource";
const refuse = (ctx: ProofContext, jkt = JKT, of = TOKEN) => new DpopProofs().refuse(jkt, of, {}, ctx);

test("the protected resource request of section 7.1 passes once, with the thumbprint of section 6", async () => {
  expect(await refuse(context(RESOURCE_REQUEST, resource))).toBeUndefined();
  expect(await refuse(context(RESOURCE_REQUEST, resource))).toMatchObject({ error: "invalid_dpop_proof" });
});

test("not for another token, key, method, URL or time", async () => {
  const later = 1_562_262_618_000 + limits.dpop.proofAgeMsMax;
  const wrong = [
    refuse(context(RESOURCE_REQUEST, resource), JKT, `${TOKEN}A`),
    refuse(context(RESOURCE_REQUEST, resource), "A".repeat(43)),
    refuse(context(RESOURCE_REQUEST, resource, "POST")),
    refuse(context(RESOURCE_REQUEST, `${resource}s`)),
    refuse(context(RESOURCE_REQUEST, resource, "GET", later)),
  ];
  for (const one of await Promise.all(wrong)) expect(one).toBeDefined();
});

test("the token request of section 5 is well-formed and proves no access token", async () => {
  const found = await refuse(context(TOKEN_REQUEST, "https://server.example.com/token", "POST"));
  expect(found?.reason).toContain("ath");
});
