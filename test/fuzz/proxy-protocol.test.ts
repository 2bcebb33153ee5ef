/** Headers of the PROXY protocol, whole and broken: nothing throws, cuts change nothing, and what is believed was said so. */
import { expect, test } from "vitest";
import { ProxyFault, parseProxyHeader } from "../../mesh-agent/proxy/proxy-protocol.ts";
import { canonicalAddress } from "../../shared/http/address-list.ts";
import { limits } from "../../shared/limits.ts";
import { localV2, proxyV1, proxyV2 } from "../support/proxy-header.ts";
import { seededRandom } from "./http1-messages.ts";

const COUNT = 20_000 * Number(process.env.SELVAGE_FUZZ_FACTOR ?? 1);
const REST = Buffer.from("GET / HTTP/1.1\r\n\r\n");

test("headers with a few bytes changed", () => {
  const seed = Date.now() % 2 ** 31;
  console.log(`fuzz/proxy-protocol: seed ${seed}`);
  const random = seededRandom(seed);
  const below = (bound: number): number => Math.floor(random() * bound);
  const address = (): string =>
    random() < 0.5
      ? Array.from({ length: 4 }, () => below(256)).join(".")
      : Array.from({ length: 8 }, () => (1 + below(65_535)).toString(16)).join(":");
  const forms = [() => proxyV1(address(), below(65_536)), () => proxyV2(address(), below(65_536)), localV2];
  let believed = 0;
  for (let at = 0; at < COUNT; at++) {
    const header = Buffer.from(forms[below(forms.length)]?.() ?? "");
    for (let changes = below(3); changes > 0; changes--) header[below(header.length)] = below(256);
    const bytes = Buffer.concat([header.subarray(0, random() < 0.2 ? below(header.length) : header.length), REST]);
    const parsed = parseProxyHeader(bytes);
    for (let size = 0; size < bytes.length; size++) {
      const early = parseProxyHeader(bytes.subarray(0, size));
      // What is told early is what is told of the whole; a fault may be seen as early as that.
      if (early !== undefined) expect(early).toEqual(parsed);
    }
    if (parsed === undefined || parsed instanceof ProxyFault) continue;
    believed++;
    expect(parsed.length).toBeLessThanOrEqual(Math.min(bytes.length, limits.front.proxyHeaderBytesMax));
    const { source } = parsed;
    if (source === undefined) continue;
    expect(canonicalAddress(source.address)).toBe(source.address);
    expect(source.port).toBeLessThanOrEqual(65_535);
  }
  expect(believed).toBeGreaterThan(COUNT / 10);
});
