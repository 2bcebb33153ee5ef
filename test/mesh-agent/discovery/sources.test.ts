/** Sources against servers that speak their protocols: what is told, what follows a failure, and that nobody is asked too often. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ConsulQueries } from "../../../mesh-agent/discovery/sources/consul-source.ts";
import { DnsLookups } from "../../../mesh-agent/discovery/sources/dns-source.ts";
import { KubernetesWatch } from "../../../mesh-agent/discovery/sources/kubernetes-source.ts";
import type { Source } from "../../../mesh-agent/discovery/sources/source.ts";
import { SourceLoop } from "../../../mesh-agent/discovery/sources/source-loop.ts";
import type { NamedEndpoint } from "../../../shared/discovery/admit.ts";
import type { DnsSource } from "../../../shared/discovery/settings.ts";
import { until } from "../support/agents.ts";
import { TestConsul } from "../support/consul-api.ts";
import { TestDns } from "../support/dns-server.ts";
import { pod, TestKubernetes } from "../support/kubernetes-api.ts";

/** What one source told. */
class Heard {
  endpoints: readonly NamedEndpoint[] | undefined;
  answers = 0;
  sames = 0;
  readonly failures: string[] = [];
  readonly #loop: SourceLoop;

  constructor(source: Source) {
    const ear = {
      answer: (endpoints: readonly NamedEndpoint[]) => {
        this.endpoints = endpoints;
        this.answers++;
      },
      same: () => void this.sames++,
      failed: (reason: string) => void this.failures.push(reason),
    };
    this.#loop = new SourceLoop(source, ear, () => 0.1);
  }

  get hosts(): string {
    return (this.endpoints ?? []).map(({ host, port }) => `${host}:${port}`).join(" ");
  }

  is(hosts: string): Promise<void> {
    return until(`the source says ${hosts}`, () => this.endpoints !== undefined && this.hosts === hosts);
  }

  stop(): void {
    this.#loop.stop();
  }
}

let heard: Heard | undefined;
const listen = (source: Source): Heard => {
  heard = new Heard(source);
  return heard;
};
afterEach(() => heard?.stop());

const folder = mkdtempSync(join(tmpdir(), "selvage-sources-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

describe("DNS", () => {
  let dns: TestDns;
  beforeEach(async () => {
    dns = await TestDns.start();
  });
  afterEach(() => dns.close());
  const asked = (change: Partial<DnsSource>): Heard =>
    listen(
      new DnsLookups({
        ...{ kind: "dns", name: "pay.example.com", type: "a", port: 80, everyMs: 60_000, servers: [dns.address] },
        ...change,
      }),
    );

  test("addresses, and again when their time to live is over", async () => {
    dns.records.set("pay.example.com", [{ type: "A", address: "192.0.2.1", ttl: 0 }]);
    const source = asked({});
    await source.is("192.0.2.1:80");
    dns.records.set("pay.example.com", [
      { type: "A", address: "192.0.2.2", ttl: 600 },
      { type: "AAAA", address: "2001:db8::1" },
    ]);
    await source.is("192.0.2.2:80");
    // Answers of no time to live are not asked for at once.
    expect(dns.asked.filter((one) => one === "A pay.example.com").length).toBeLessThanOrEqual(3);
  });

  test("addresses of IPv6 where there are none of IPv4", async () => {
    dns.records.set("pay.example.com", [{ type: "AAAA", address: "2001:db8::1" }]);
    await asked({}).is("2001:db8::1:80");
  });

  test("services: the lowest priority, with weights", async () => {
    dns.records.set("_http._tcp.pay.example.com", [
      { type: "SRV", target: "a.example.com", port: 8001, weight: 3 },
      { type: "SRV", target: "b.example.com", port: 8002, weight: 0 },
      { type: "SRV", target: "spare.example.com", port: 8003, priority: 10 },
    ]);
    dns.records.set("a.example.com", [{ type: "A", address: "192.0.2.1" }]);
    dns.records.set("b.example.com", [{ type: "A", address: "192.0.2.2" }]);
    const source = asked({ name: "_http._tcp.pay.example.com", type: "srv" });
    await source.is("192.0.2.1:8001 192.0.2.2:8002");
    expect(source.endpoints?.map(({ labels }) => labels)).toEqual([{ weight: "3" }, { weight: "1" }]);
    expect(dns.asked.some((one) => one.endsWith("spare.example.com"))).toBe(false);
  });

  test("a name that does not exist is an empty answer, a server in trouble is none", async () => {
    const source = asked({ everyMs: 1_000 });
    await source.is("");
    expect(source.failures).toEqual([]);
    dns.failing = 2;
    await until("it fails", () => source.failures.length > 0);
    expect(source.failures[0]).toContain("pay.example.com");
    dns.failing = undefined;
    dns.records.set("pay.example.com", [{ type: "A", address: "192.0.2.3" }]);
    await source.is("192.0.2.3:80");
  });
});

describe("Kubernetes", () => {
  let api: TestKubernetes;
  let watch: Heard;
  beforeEach(async () => {
    api = await TestKubernetes.start();
    api.put("shop-a", 8080, [pod("shop-1", "10.0.0.1", { zone: "a" })]);
    const [caFile, tokenFile] = [file("ca.pem", api.rootPem), file("token", `${api.token}\n`)];
    const settings = { kind: "kubernetes", service: "shop", namespace: "prod", port: "http" } as const;
    watch = listen(new KubernetesWatch({ ...settings, api: api.url, caFile, tokenFile }, {}));
    await watch.is("10.0.0.1:8080");
    await until("it watches", () => api.watches.size === 1);
  });
  afterEach(async () => {
    heard?.stop();
    await api.close();
  });
  const lists = (): number => api.asked.filter((one) => !one.includes("watch=")).length;

  test("is asked for one service, and told of every change", async () => {
    expect(api.asked[0]).toContain("/apis/discovery.k8s.io/v1/namespaces/prod/endpointslices?");
    expect(api.asked[0]).toContain("labelSelector=kubernetes.io%2Fservice-name%3Dshop");
    expect(watch.endpoints).toEqual([{ name: "shop-1", host: "10.0.0.1", port: 8080, labels: { zone: "a" } }]);
    api.put("shop-b", 8080, [pod("shop-2", "10.0.0.2")]);
    await watch.is("10.0.0.1:8080 10.0.0.2:8080");
    api.put("shop-a", 8080, [
      pod("shop-1", "10.0.0.1", { conditions: { ready: false, serving: true, terminating: true } }),
    ]);
    await watch.is("10.0.0.2:8080");
    api.delete("shop-b");
    // Nobody is ready: whoever still serves does, as kube-proxy has it.
    await watch.is("10.0.0.1:8080");
    expect(lists()).toBe(1);
  });

  test("goes on after a break where a bookmark left it", async () => {
    api.bookmark();
    await until("the bookmark is heard", () => watch.sames >= 2);
    api.compact();
    api.oldest--;
    api.disconnect();
    await until("it watches again", () => api.watches.size === 1);
    api.put("shop-b", 8080, [pod("shop-2", "10.0.0.2")]);
    await watch.is("10.0.0.1:8080 10.0.0.2:8080");
    expect(lists()).toBe(1);
  });

  test.each(["status", "event"])("lists anew after 410, as a %s, and keeps what it has until then", async (how) => {
    api.goneAsEvent = how === "event";
    api.put("shop-b", 8080, [pod("shop-2", "10.0.0.2")]);
    await watch.is("10.0.0.1:8080 10.0.0.2:8080");
    api.compact();
    api.disconnect();
    await until("it is listed anew", () => lists() === 2);
    await until("it watches again", () => api.watches.size === 1);
    expect(watch.hosts).toBe("10.0.0.1:8080 10.0.0.2:8080");
  });

  test("a refusal is told, and a new token is used", async () => {
    api.token = "token-2";
    api.disconnect();
    await until("it is refused", () => watch.failures.some((reason) => reason.includes("401")));
    file("token", "token-2");
    await until("it watches again", () => api.watches.size === 1);
    api.delete("shop-a");
    await watch.is("");
  });

  test("a list of several pages is one", async () => {
    for (let at = 2; at <= 5; at++) api.put(`shop-${at}`, 8080, [pod(`shop-${at}`, `10.0.0.${at}`)]);
    await until("all are known", () => watch.endpoints?.length === 5);
    api.pageSize = 2;
    api.compact();
    api.disconnect();
    await until("three pages are listed", () => lists() === 4);
    await until("it watches again", () => api.watches.size === 1);
    expect(watch.endpoints?.length).toBe(5);
  });
});

describe("Consul", () => {
  let consul: TestConsul;
  const settings = { kind: "consul", service: "stock" } as const;
  beforeAll(async () => {
    consul = await TestConsul.start();
  });
  afterAll(() => consul.close());
  beforeEach(() => {
    consul.asked.length = 0;
    consul.failing = undefined;
    consul.set([{ id: "stock-1", address: "10.0.1.1", port: 80, meta: { version: "v1" }, weight: 5 }]);
  });

  test("blocking queries tell of changes, an instance without an address is at its node's", async () => {
    const source = listen(new ConsulQueries({ ...settings, address: consul.url, datacenter: "dc1", tag: "v1" }));
    await source.is("10.0.1.1:80");
    expect(source.endpoints?.[0]?.labels).toEqual({ weight: "5", version: "v1" });
    expect(consul.asked[0]).toBe("/v1/health/service/stock?passing=true&dc=dc1&tag=v1");
    await until("it waits", () => consul.waiting === 1);
    expect(consul.asked[1]).toContain(`index=${consul.index}`);
    consul.set([{ id: "stock-2", address: "", port: 81 }]);
    await source.is("10.1.10.12:81");
  });

  test("an index that goes back begins anew", async () => {
    const source = listen(new ConsulQueries({ ...settings, address: consul.url }));
    await until("it waits", () => consul.waiting === 1);
    consul.set([{ id: "stock-3", address: "10.0.1.3", port: 80 }], 7);
    await source.is("10.0.1.3:80");
    await until("it waits again", () => consul.waiting === 1);
    expect(consul.asked.at(-2)).not.toContain("index=");
    expect(consul.asked.at(-1)).toContain("index=7");
  });

  test("a failure is told, and the last index is not trusted after it", async () => {
    const source = listen(new ConsulQueries({ ...settings, address: consul.url }));
    await until("it waits", () => consul.waiting === 1);
    consul.failing = 500;
    consul.answerAll();
    await until("it fails", () => source.failures.length > 1);
    expect(source.failures[0]).toBe("it answers 500: No cluster leader");
    consul.failing = undefined;
    await until("it waits again", () => consul.waiting === 1);
    expect(consul.asked.some((one) => !one.includes("index="))).toBe(true);
  });

  test("a file that holds no token is sent to nobody", async () => {
    const tokenFile = file("not-a-token", "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1::/:/bin/sh\n");
    const source = listen(new ConsulQueries({ ...settings, address: consul.url, tokenFile }));
    await until("it fails", () => source.failures.length > 0);
    expect(source.failures[0]).toContain("holds no token");
    expect(consul.asked).toEqual([]);
  });
});
