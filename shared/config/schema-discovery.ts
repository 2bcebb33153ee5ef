/** `discovery` of a service: where its endpoints are found beside the registry. */
import * as z from "zod";
import { limits } from "../limits.ts";
import { duration, list, network, text, url, whole } from "./fields.ts";

const { discovery: max, wire } = limits;

const address = text(
  "an address such as 10.0.0.5:8080, [fd00::5]:8080 or pay.example.com:443; without a port it is the service's",
  /^(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?)(?::\d{1,5})?$/,
);
const labelValue = text("a label value", /^[\x20-\x7e]{0,128}$/);
const file = text("the path of a file on the agent's machine", /^\/[^\p{Cc}]{1,4095}$/u);
const port = whole(1, 65535);

const staticEndpoint = z.union([
  address,
  z.strictObject({
    address,
    zone: labelValue.optional().describe("Its zone, for `balance.zones`."),
    weight: whole(0, 65535).optional().describe("Its share among the others. Default: 1."),
    labels: z
      .record(text("a label name", /^[A-Za-z0-9._/-]{1,63}$/), labelValue)
      .refine((all) => Object.keys(all).length < max.labelsMax - 1, { error: `at most ${max.labelsMax - 2} labels` })
      .optional()
      .describe("What subsets select it by, such as `{ version: v2 }`."),
  }),
]);

const dns = z.strictObject({
  name: text("a name of DNS", /^(?=.{1,253}\.?$)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?$/).describe(
    "What is asked for, such as `_http._tcp.orders.example.com`.",
  ),
  type: z
    .enum(["a", "srv"], { error: "a or srv" })
    .describe("`a`: addresses, of IPv6 where there are none of IPv4. `srv`: hosts with ports and weights."),
  port: port.optional().describe("Of type `a`. Default: the service's."),
  every: duration(max.everyMsMin, max.everyMsMax)
    .optional()
    .describe("The longest pause between questions; a shorter time to live shortens it. Default: 30s."),
  servers: list(text("an address such as 10.0.0.2, 127.0.0.1:8600 or [fd00::2]:53", /^[0-9A-Fa-f.:[\]]{2,53}$/))
    .max(max.serversMax, { error: `at most ${max.serversMax} servers` })
    .optional()
    .describe("Default: those of the agent's machine."),
});

const serverName = text(
  "a host name such as api.example.com, or an address of IPv4",
  /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,62})(?:\.[A-Za-z0-9]([A-Za-z0-9-]{0,62}))*$/,
);

const kubernetesName = text("a name of Kubernetes", /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);

const kubernetes = z.strictObject({
  service: kubernetesName.describe("Whose EndpointSlices are watched."),
  namespace: kubernetesName,
  port: z
    .union([port, text("the name of a port", /^[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?$/)])
    .optional()
    .describe("A port of its pods, by name or number. Default: the service's number."),
  api: url.optional().describe("URL of the API server. Default: that of the cluster which the agent runs in."),
  tokenFile: file.optional().describe("Default: the service account of the agent's pod."),
  caFile: file.optional().describe("Roots of the API server. Default: those of the agent's pod."),
});

const consul = z.strictObject({
  service: text("the name of a service of Consul", /^[A-Za-z0-9]([A-Za-z0-9._-]{0,126}[A-Za-z0-9])?$/),
  address: url.describe("An agent or server of Consul, such as http://127.0.0.1:8500."),
  datacenter: text("the name of a datacenter", /^[A-Za-z0-9_-]{1,63}$/).optional(),
  tag: text("a tag", /^[\x21-\x7e]{1,128}$/)
    .optional()
    .describe("Only instances that have it."),
  tokenFile: file.optional().describe("Of the token of Consul's access lists. Default: none."),
  caFile: file.optional().describe("Roots of Consul. Default: those that browsers know."),
});

const reach = z.union([
  z.enum(["agent", "plain"], { error: "agent or plain" }),
  z.strictObject({
    tls: z
      .strictObject({
        name: serverName.describe("The name that the certificate must be for."),
        caFile: file.optional().describe("Roots on the agents' machines. Default: those that browsers know."),
      })
      .optional()
      .describe("TLS without an agent."),
    spiffe: text("a SPIFFE ID such as spiffe://partner.example/service/billing", /^spiffe:\/\/\S{1,2000}$/)
      .optional()
      .describe("Mutual TLS with this workload of a trust domain of `federation`."),
  }),
]);

export const discovery = z.strictObject({
  static: list(staticEndpoint)
    .max(max.staticMax, { error: `at most ${max.staticMax} endpoints` })
    .optional()
    .describe("Endpoints that do not change."),
  dns: dns.optional().describe("Found by DNS."),
  kubernetes: kubernetes.optional().describe("Found in EndpointSlices of Kubernetes."),
  consul: consul.optional().describe("Found in the catalogue of Consul."),
  reach: reach.optional().describe("How they are called: through agents of this mesh, or without. Default: agent."),
  host: text("a host such as api.example.com or api.example.com:8443", /^[A-Za-z0-9._-]{1,253}(?::\d{1,5})?$/)
    .max(wire.hostCharsMax, { error: `at most ${wire.hostCharsMax} characters` })
    .optional()
    .describe(
      "What requests name as their host where no agent takes them. Default: the name of `tls`, else <service>.mesh.",
    ),
  allow: list(network)
    .max(max.allowMax, { error: `at most ${max.allowMax} networks` })
    .optional()
    .describe("Special addresses that may be called, such as 127.0.0.0/8. Default: none."),
  keepFor: duration(max.keepMsMin, max.keepMsMax)
    .optional()
    .describe("How long the last good list stays while the source does not answer. Default: 24h."),
  keepEmptyFor: duration(0, max.keepMsMax)
    .optional()
    .describe("How long it stays when the source says that there is nobody. Default: 1m."),
});

export type DiscoveryConfig = z.infer<typeof discovery>;
