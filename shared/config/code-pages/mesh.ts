/** Pages of what is wrong with services, exposed routes and joining. */
import type { CodePage } from "./page.ts";

export const meshPages = {
  SLV3011: {
    why: "A service without `access` can be called by every workload of the trust domain, also by one that somebody took over.",
    fix: "List who may call it; `access: []` lets nobody in. `selvage mesh edges --file FILE` shows who may call whom.",
    example: "access: [{ from: gateway, methods: [GET] }, { from: orders }]",
  },
  SLV3055: {
    why: "The protocol of the service has no such thing: a connection of TCP has no path, header or status.",
    fix: "Remove the setting, or change `protocol`.",
  },
  SLV3056: {
    why: "A caller listens on the `outboundPort` of each service that it calls, and one port is one service.",
    fix: "Give one of the two another port.",
  },
  SLV3057: {
    why: "The gateway speaks HTTP; it cannot lead to a service of TCP.",
    fix: "Call it from another service of the mesh, or put a service of HTTP before it.",
  },
  SLV3058: {
    why: "With `mode: shadow` what would be refused is only counted and told.",
    fix: "Nothing while you look; remove the mode when `selvage stat shadow` shows what you expect.",
  },
  SLV3064: {
    why: "An exposed route runs in an agent, which has none of the gateway's stores.",
    fix: "Remove the setting, or make it a route of `gateway`.",
  },
  SLV3065: {
    why: "An agent verifies tokens by public keys, and cannot ask others about them.",
    fix: "Use a provider of `jwt`, or a route of `gateway`.",
  },
  SLV3066: {
    why: "Each instance counts for itself, so a limit that is shared cannot be kept there.",
    fix: "Use `mode: local`: with n instances up to n times the limit pass; or a route of `gateway`.",
  },
  SLV3067: {
    why: "`access` lets in one caller, so counting by caller is counting everybody together.",
    fix: "Say `by: all`, or count by `identity`.",
  },
  SLV3072: {
    why: "Each zone is tried once, and the own one first.",
    fix: "Remove the repetition.",
  },
  SLV3180: {
    why: "The source could not be asked as the document says, or a token would go to somebody who can be listened to.",
    fix: "Correct the name, URL or server. A source that gets a token is asked by https, or on loopback.",
  },
  SLV3181: {
    why: "The setting belongs to another kind of source, so it decides nothing.",
    fix: "Remove it, or choose the source that it is for.",
  },
  SLV3182: {
    why: "Methods, paths, scopes and claims are looked at by the agent before the service, and there is none.",
    fix: "Leave in `access` only who calls, or run an agent before the service and reach it by that.",
  },
  SLV3183: {
    why: "Plain requests can be read and made by whoever reaches the service; `access` binds workloads of the mesh alone.",
    fix: "Reach it by `tls` or `spiffe`, or keep others away from it by the network.",
  },
  SLV3184: {
    why: "Connections of TCP go from agent to agent; without one before the service nobody takes them.",
    fix: "Run an agent before it, or name its workload by `spiffe`.",
  },
  SLV3185: {
    why: "Without the bundle of that trust domain its workloads cannot prove themselves.",
    fix: "Write a SPIFFE ID of the own trust domain, or add the other one to `mesh.federation`.",
  },
  SLV3186: {
    why: "The address is none, is in the list already, or is one that agents may not call.",
    fix: "Write `HOST:PORT` once, with a port from 1 to 65535.",
  },
  SLV3187: {
    why: "Agents before a service do this work, and what is found by `discovery` has none.",
    fix: "Remove the setting, or run agents before the service.",
  },
  SLV3190: {
    why: "The field belongs to the hop between agents and says nothing that a limit could count by.",
    fix: "Count by `service` for who calls, or by `identity` for the end user.",
  },
  SLV3191: {
    why: "Calls at once are counted by each instance alone; nobody else knows when they end.",
    fix: "Leave `mode` out, or use a `limit` in a time.",
  },
  SLV3192: {
    why: "A call might wait for its count until its own time is over.",
    fix: "Make `timeout` of the limit shorter than that of the service.",
  },
  SLV3193: {
    why: "The limit is so low that no part of it can be lent to an instance: each call is asked for anyway.",
    fix: "Say `mode: exact`, which does the same and tells so.",
  },
  SLV3195: {
    why: "SVIDs of that issuer would be of nobody in this mesh.",
    fix: "Write an ID with `{service}` that lies in the own trust domain.",
    example: "id: spiffe://shop.internal/ns/prod/sa/{service}",
  },
  SLV3196: {
    why: "Whatever workload of the trust domain has the name of a service is taken for it.",
    fix: "Add a segment that only workloads of the mesh have.",
    example: "id: spiffe://shop.internal/ns/prod/sa/{service}",
  },
  SLV3197: {
    why: "The ingress would never be known by it.",
    fix: "Write the SPIFFE ID that the outside issuer gives to the ingress, in the own trust domain.",
  },
  SLV3220: {
    why: "Tokens of this issuer could not be verified.",
    fix: "Write `issuer` exactly as the `iss` of its tokens, and either an https issuer, `jwks` or `keys`.",
  },
  SLV3221: {
    why: "Who can change what is fetched can join as any service.",
    fix: "Use https.",
  },
  SLV3222: {
    why: "An issuer without a rule lets nobody join; a rule without its issuer neither.",
    fix: "Correct the name, or add what is missing.",
  },
  SLV3223: {
    why: "Everybody can get a token of a public issuer. Without a condition on whose it is, strangers join the mesh.",
    fix: "Name the organisation, repository, account or project in the rule.",
    example: "- { issuer: github, claims: { repository: my-org/orders }, service: orders }",
  },
  SLV3224: {
    why: "Whatever runs on that platform joins as this service.",
    fix: "Narrow the rule by namespace, service account or another claim.",
  },
  SLV3225: {
    why: "Rules are tried from the top; this one is never reached.",
    fix: "Move it up, or remove it.",
  },
  SLV3226: {
    why: "The template names the service that somebody joins as, so it must come to one that is declared.",
    fix: "List in `allow` what it may come to, and use claims that the rule demands.",
  },
  SLV3227: {
    why: "A token that ends before the certificate cannot renew it late in its life.",
    fix: "Make the token live at least as long as the certificate, or shorten the certificate's life.",
  },
  SLV3255: {
    why: "Whoever serves the bundle of another trust domain says who may speak for it.",
    fix: "Use an https URL of a public host, as `docs/spiffe.md` has it.",
  },
  SLV3256: {
    why: "The own trust domain is known already.",
    fix: "Remove it from `mesh.federation`, or correct its name.",
  },
  SLV3257: {
    why: "Without the other domain's bundle none of its workloads can prove itself.",
    fix: "Add it to `mesh.federation`, or correct the name.",
  },
  SLV3258: {
    why: "Workloads of the own mesh have short names.",
    fix: "Write the name of the service.",
    example: "access: [{ from: orders }]",
  },
  SLV3259: {
    why: "Its bundle is fetched, and nobody of it may call anything.",
    fix: "Add an access rule for one of its workloads, or remove it.",
  },
  SLV3270: {
    why: "The outage budget is how long the fleet goes on without the control plane. Lives of certificates and keys do not allow this one.",
    fix: "Lower `mesh.outageBudget`, or lengthen what the message names.",
  },
  SLV3247: {
    why: "Requests that are sent to the subset find nobody.",
    fix: "Correct its labels, or start instances that carry them. `selvage mesh status` lists instances.",
  },
  SLV3248: {
    why: "Another rule lets in all that this one would, or nobody can come by it: it only looks like protection.",
    fix: "Remove it, or narrow the other one. `selvage mesh edges --file FILE` shows who may call.",
  },
  SLV3250: {
    why: "Agents renew from a third of a certificate's life on; this one has not, and will be refused when it ends.",
    fix: "Look at the agent's log, and have it renew: `selvage certs`, `selvage renew`.",
  },
  SLV3251: {
    why: "Requests there are still decided by another version.",
    fix: "`selvage status` says who and why; a refused version is mended by applying another one.",
  },
  SLV3252: {
    why: "The control plane counts something that is wrong now.",
    fix: "`selvage status` tells all alarms, each with what to do.",
  },
  SLV3253: {
    why: "Clients or upstreams send what the contract does not have.",
    fix: "`selvage drift` shows where. Correct the side that is wrong, or the contract.",
  },
  SLV3260: {
    why: "What runs says that it has no value for a secret of its plan: routes that need it are answered 500 `secret_missing`, exports of traces do not leave.",
    fix: "At a deployed gateway `npx wrangler secret put SECRET_NAME`; at a local system `selvage secret set NAME`, then start it anew; for agents `SECRET_NAME` in their environment.",
  },
  SLV3254: {
    why: "Tokens and certificates are judged by time; with clocks apart good ones are refused.",
    fix: "Set the clock by NTP. `selvage doctor` says by how much it differs.",
  },
} as const satisfies Record<string, CodePage>;
