/** What of this machine stands in the way: its Node, its ports, its proxies. */
import { type PortWish, takenPorts } from "../local/ports.ts";
import { type Finding, ok, warn } from "./finding.ts";

const OLDEST = [22, 18] as const;

/** @param version as of `process.versions.node` */
export function checkNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const isOld = major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]);
  if (isOld)
    return warn("node", `Node ${version} is older than ${OLDEST.join(".")}`, "install a newer one, such as Node 24");
  return ok("node", `Node ${version}`);
}

/** @param isRunning whether the local system has its ports already */
export async function checkPorts(environment: NodeJS.ProcessEnv, isRunning: boolean): Promise<Finding[]> {
  if (isRunning) return [ok("ports", "are held by the local system, which runs")];
  const taken = await takenPorts([
    wish("gateway", environment.SELVAGE_GATEWAY_PORT, 8787, "SELVAGE_GATEWAY_PORT"),
    wish("control plane", environment.SELVAGE_CONTROL_PORT, 8788, "SELVAGE_CONTROL_PORT"),
  ]);
  if (taken.length === 0) return [ok("ports", "those of the gateway and the control plane are free")];
  return taken.map((sentence) => {
    const [text = "", fix = "choose other ports"] = sentence.split("; ");
    return warn("ports", text, fix);
  });
}

const wish = (name: string, port: string | undefined, usual: number, setting: string): PortWish => ({
  name,
  host: "127.0.0.1",
  port: Number(port) || usual,
  setting,
});

/** Programs that go by these variables would ask a proxy for what runs on this machine. */
export function checkProxy(environment: NodeJS.ProcessEnv): Finding {
  const value = (name: string): string | undefined => environment[name] || environment[name.toLowerCase()] || undefined;
  const name = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"].find((one) => value(one) !== undefined);
  if (name === undefined) return ok("proxy", "no proxy is set");
  const excepted = (value("NO_PROXY") ?? "").split(/[\s,]+/);
  if (excepted.includes("*") || (excepted.includes("localhost") && excepted.includes("127.0.0.1")))
    return ok("proxy", `${name} is set, and not used for this machine`);
  return warn(
    "proxy",
    `${name} is set: programs that go by it ask the proxy for localhost, too`,
    "export NO_PROXY=localhost,127.0.0.1,::1",
  );
}
