import { Command } from "commander";
import { describe, expect, test } from "vitest";
import { frontAddresses, withFrontOptions } from "../../../cli/local/serve-options.ts";
import { limits } from "../../../shared/limits.ts";

const read = (...args: string[]) => {
  const command = withFrontOptions(new Command("serve")).exitOverride();
  command.parse(args, { from: "user" });
  return frontAddresses(command.opts(), 8787);
};
const TLS = ["--tls-cert", "a.pem", "--tls-key", "a.key"];

describe("what serve listens on", () => {
  test("loopback and the gateway's port by default, without TLS", () => {
    expect(read()).toMatchObject({
      listen: [{ scheme: "http", host: "127.0.0.1", port: 8787 }],
      redirect: [],
      tlsCert: [],
    });
    expect(read("--listen", "0.0.0.0").listen).toEqual([{ scheme: "http", host: "0.0.0.0", port: 8787 }]);
  });

  test("TLS with certificates, unless an address says otherwise", () => {
    const { listen, redirect } = read(
      "--listen",
      ":443",
      "--listen",
      "http://127.0.0.1",
      ...TLS,
      "--redirect-http",
      ":80",
    );
    expect(listen).toEqual([
      { scheme: "https", host: "", port: 443 },
      { scheme: "http", host: "127.0.0.1", port: 8787 },
    ]);
    expect(redirect).toEqual([{ scheme: "http", host: "", port: 80 }]);
    expect(read(...TLS).listen).toEqual([{ scheme: "https", host: "127.0.0.1", port: 8787 }]);
  });

  test("load balancers that speak the PROXY protocol", () => {
    const options = ["--proxy-protocol", "10.0.0.0/8", "--proxy-protocol", "192.0.2.7"];
    expect(read(...options).proxies).toEqual(["10.0.0.0/8", "192.0.2.7"]);
    expect(read().proxies).toBeUndefined();
    expect(() => read("--proxy-protocol", "10.0.0.0/33")).toThrow("10.0.0.0/33 is no network");
  });

  test("several certificates keep their order, and bounds are passed on", () => {
    const more = ["--tls-cert", "b.pem", "--tls-key", "b.key", "--max-connections", "7", "--client-ca", "ca.pem"];
    expect(read(...TLS, ...more)).toMatchObject({
      tlsCert: ["a.pem", "b.pem"],
      tlsKey: ["a.key", "b.key"],
      clientCa: "ca.pem",
      bounds: { "--max-connections": "7" },
    });
  });

  test.each([
    [["--listen", "::1"], /--listen: ::1 is no address/],
    [["--listen", "127.0.0.1:0"], /no address to listen on/],
    [["--listen", ":"], /no address to listen on/],
    [["--listen", "https://:443"], /needs --tls-cert/],
    [["--tls-cert", "a.pem"], /belong together/],
    [["--listen", "http://:80", ...TLS], /no --listen speaks TLS/],
    [["--client-ca", "ca.pem"], /--client-ca needs/],
    [["--redirect-http", ":80"], /--redirect-http needs/],
    [[...TLS, "--redirect-http", "https://:80"], /is for plain HTTP/],
    [["--max-connections", "0"], /--max-connections: 0 is no number/],
    [
      Array.from({ length: limits.front.listenersMax + 1 }, (_, at) => ["--listen", `:${at + 1}`]).flat(),
      /more than 16 listeners/,
    ],
  ])("%j is refused", (args, message) => {
    expect(() => read(...args)).toThrow(message);
    try {
      read(...args);
    } catch (error) {
      expect(error).toMatchObject({ exitCode: 2 });
    }
  });
});
