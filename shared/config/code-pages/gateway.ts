/** Pages of what is wrong with routes and policies. */
import type { CodePage } from "./page.ts";

export const gatewayPages = {
  SLV3007: {
    why: "Only the first of two routes that match the same can ever be reached, and the order of lines should not decide.",
    fix: "Narrow one of the two by method, host, header or query, or remove it.",
  },
  SLV3008: {
    why: "Shares are relative weights; when all are 0, or none is named, no request can be sent anywhere.",
    fix: "Give at least one of them a weight above 0.",
    example: "split: { v1: 90, v2: 10 }",
  },
  SLV3009: {
    why: "Both settings cannot hold at once, or one of them has no effect beside the other. What was meant cannot be told.",
    fix: "Decide for one. The message says which of the two has no meaning, and mostly what to write instead.",
  },
  SLV3012: {
    why: "Something earlier takes every request that this would match, so it is dead: a policy in it would protect nothing.",
    fix: "Give it a narrower match (a narrower one wins wherever it stands), move it above the other where both are alike, or remove it. `selvage routes --file FILE` shows the order; `selvage explain METHOD PATH --file FILE` which route wins and why.",
    example: `- { name: orders-beta, match: { path: /orders/*, headers: { x-beta: "true" } }, to: orders-beta }
- { name: orders, match: { path: /orders/* }, to: orders }`,
  },
  SLV3013: {
    why: "The expression does not parse, or its types do not fit: it would refuse every request, or never decide.",
    fix: "Correct the expression. Names and types that it may use are in `docs/document.md` (CEL); `matches` is evaluated by RE2.",
    example: "when: identity.claims.tier == 'gold'",
  },
  SLV3014: {
    why: "A key that is too short, of an unknown kind, or fetched without TLS lets somebody else sign in its name.",
    fix: "Use a public JWK (RSA from 2,048 bits, EC, Ed25519), a secret of at least the length that is named, and https.",
  },
  SLV3015: {
    why: "Whoever reaches the gateway can claim any address, certificate or name there, so what counts or decides by it does nothing against an attacker.",
    fix: "Name the addresses of your own proxies, or count by something that is proven as well.",
    example: "rateLimit: [{ limit: 100/minute, by: { header: x-tenant } }, { limit: 20/second, by: ip }]",
  },
  SLV3020: {
    why: "A signature that does not cover method, target or body can be moved to another request.",
    fix: "Add the components that are named to what must be covered.",
  },
  SLV3021: {
    why: "A transaction token is reused while its content is the same. With this value each request has its own, which costs one signature (ES256) each.",
    fix: "Leave it out where a request's value is not needed behind the gateway, or accept the cost.",
  },
  SLV3022: {
    why: "Kept answers are found by the client's key. Where nothing else tells clients apart, one can get the answer of another, or fill the records.",
    fix: "Put `auth` on the route, and `rateLimit` beside `idempotency`.",
  },
  SLV3025: {
    why: "When the counter cannot be asked, a request is either let through uncounted or refused. On a public route that should be a decision.",
    fix: "Say `onFailure: open` (serve) or `onFailure: closed` (protect).",
    example: "rateLimit: { limit: 100/minute, by: ip, onFailure: open }",
  },
  SLV3036: {
    why: "A route names a limit, or a limit names a plan, that is not defined: nothing would be counted.",
    fix: "Correct the name, or define it in `gateway.limits` or `gateway.plans`.",
  },
  SLV3037: {
    why: "A plan, limit or row has no effect, or counts by another window than its limit, which begins a new count when somebody changes plans.",
    fix: "Remove it, use it in a route, or give it the same window as the others.",
  },
  SLV3040: {
    why: "Behind `auth` each identity gets stored answers of its own, which is safe and rarely hits. It may not be what was meant.",
    fix: "Say `shared: false` when it is, or `shared: true` when answers that say `public` or `s-maxage` are the same for everybody.",
  },
  SLV3041: {
    why: "The upstream knows who asks and may answer by it; what it answers to one would be given to others.",
    fix: "Do not tell the upstream who asks on this route, or take `shared: true` away.",
  },
  SLV3050: {
    why: "A status of gRPC never occurs in a call that is plain HTTP, so the word decides nothing.",
    fix: "Use the word for HTTP (`5xx`, `reset`, `connect-failure`), or say `protocol: grpc` at the service.",
  },
  SLV3051: {
    why: "gRPC calls are POST, which is not sent again unless somebody says that it may be.",
    fix: "Name the methods that may be repeated in `idempotent`.",
    example: "retries: { attempts: 3, on: [unavailable], idempotent: [/shop.Orders/Get] }",
  },
  SLV3052: {
    why: "Parts of an aggregate and code call by plain HTTP, which a service of gRPC does not understand.",
    fix: "Give the part `transcode`, or call a service that speaks HTTP.",
  },
  SLV3053: {
    why: "The method of every call by gRPC is POST, so a rule for another one never matches.",
    fix: "Write `methods: [POST]`, or match by path (`/package.Service/Method`).",
  },
  SLV3070: {
    why: "A hedge sends a second request before the first is answered. Where that has an effect, it would happen twice.",
    fix: "Hedge GET, HEAD, OPTIONS, PUT and DELETE only.",
  },
  SLV3071: {
    why: "The hedge would be sent later than the route waits, or there is nowhere else to send it.",
    fix: "Make `after` shorter than the timeout, or add a second target.",
  },
  SLV3080: {
    why: "Expressions run by RE2, in linear time, so that no request can make one slow. Look-ahead and back references are not in it.",
    fix: "Write it in the syntax of RE2, or use literals, `{parameters}` and lists, which are faster anyway.",
  },
  SLV3081: {
    why: "The runtime of the gateway answers this method itself, before any route is asked.",
    fix: "Take one of the methods that are named, or `expose` the service by its agents, which pass on any.",
  },
  SLV3090: {
    why: "The braces look like a template and would be sent as they are.",
    fix: "Write the full name, such as `{path.id}` or `{identity.sub}`.",
  },
  SLV3091: {
    why: "HTTP does not allow it: a body with 204, a joined set-cookie, an error page for a success.",
    fix: "Choose a status or field that allows it; the message says which rule is broken.",
  },
  SLV3092: {
    why: "Another edit decides already, or the edit changes nothing.",
    fix: "Remove one of the two.",
  },
  SLV3093: {
    why: "The pointer or path does not parse, so nothing would be edited.",
    fix: "A JSON pointer begins with `/`, with `~` as `~0` and `/` in a name as `~1`; a JSONPath is that of RFC 9535.",
    example: 'remove: ["/user/password"]',
  },
  SLV3100: {
    why: "`pick` keeps some members of a part's answer, and the template asks for one that is gone.",
    fix: "Add the member to `pick`, or use one of those that are kept.",
  },
  SLV3101: {
    why: "A request to a Worker may make a limited number of calls; the last parts of this aggregate would fail.",
    fix: "Lower `max` of fan-outs, or the attempts of parts.",
  },
  SLV3102: {
    why: "It fits Cloudflare's paid plans, and not the free one.",
    fix: "Lower `max` of fan-outs when you deploy to the free plan; nothing otherwise.",
  },
  SLV3103: {
    why: "Attempts multiply when two layers retry, and an effect may happen twice.",
    fix: "Leave retries to the service or upstream, or say `idempotent: true` where twice does no harm.",
  },
  SLV3104: {
    why: "The part calls once for each element of a list, so there is no one status or field.",
    fix: "Take it from a part with one call.",
  },
  SLV3110: {
    why: "`to: NAME` would have two meanings.",
    fix: "Rename the upstream or the service.",
  },
  SLV3111: {
    why: "It is checked and kept for nothing; mostly the route was renamed or forgotten.",
    fix: "Add a route with `to`, or remove the upstream.",
  },
  SLV3112: {
    why: "Through it a client would reach the gateway's own stores.",
    fix: "Use a service binding of your own.",
  },
  SLV3113: {
    why: "Failover is used when all other targets are down, and nothing can come to that there.",
    fix: "Add a target without `failover`, or what decides that one is down (`health`, `outlier`).",
  },
  SLV3114: {
    why: "With one target there is nothing to choose between.",
    fix: "Remove the setting, or add a second target.",
  },
  SLV3120: {
    why: "Clients read these times (RFC 9745, RFC 8594) and plan by them.",
    fix: "Order them: deprecated, brownouts, sunset. Say at least one of deprecation and sunset with brownouts.",
  },
  SLV3121: {
    why: "The version can never be chosen, or choosing has no effect.",
    fix: "Say in `gateway.versioning` how requests name a version, and in `match.version` which routes have it.",
  },
  SLV3122: {
    why: "Without `auth` nobody is known, so the rule never matches.",
    fix: "Add `auth` to the route, or go by `ip`, a header or a cookie.",
  },
  SLV3123: {
    why: "The guard lets nothing pass, or one of its settings waits for another.",
    fix: "GraphQL is GET and POST; `allow` needs entries; `costs` needs `maxCost`.",
  },
  SLV3130: {
    why: "Only a route with `to`, GET and no policy that reads the body can become a WebSocket.",
    fix: "Say `upgrades: [websocket]`, with `methods: [GET]`, on a route of its own.",
  },
  SLV3131: {
    why: "The platform of the gateway speaks HTTP and WebSocket.",
    fix: "Use `websocket`, or `expose` the service, whose agents pass on more.",
  },
  SLV3132: {
    why: "The service does not say that it takes WebSockets, so its agents refuse them.",
    fix: "Add `upgrades: [websocket]` to the service.",
  },
  SLV3133: {
    why: "The gateway sees when a WebSocket opens, and not when it ends.",
    fix: "Use `maxConnections`, or a limit of new ones for each minute.",
  },
  SLV3155: {
    why: "The file is missing, or does not build: the bundler's message says why.",
    fix: "Correct the path or the code. `selvage build FILE` shows the same.",
  },
  SLV3156: {
    why: "Policies and handlers export different things, and the gateway calls them differently.",
    fix: "Export what the place asks for (`definePolicy`, `defineHandler`), or name the file under the other key.",
  },
  SLV3157: {
    why: "The code has a schema for its settings, and these do not fit it.",
    fix: "Correct the settings; the message is that of the code's own schema.",
  },
  SLV3158: {
    why: "Code calls only what the route names under `calls`.",
    fix: "Name what it calls, or remove `calls` where there is no code.",
  },
  SLV3159: {
    why: "Code is looked at where its files are. Here they were not, so its settings are not checked.",
    fix: "Run `selvage check` in the folder of the document.",
  },
  SLV3175: {
    why: "Who asks is known only after `auth`, so what comes before it must be the same on all such routes.",
    fix: "Give them the same settings, or tell them apart by path, method or header.",
  },
  SLV3176: {
    why: "The route asks who it is, and nothing finds that out.",
    fix: "Add the same `auth` as on the routes beside it; `optional: true` where anonymous is meant.",
  },
  SLV3177: {
    why: "Each of them is tried for each request.",
    fix: "Tell some of them apart by path, method or header.",
  },
  SLV3179: {
    why: "`Host` follows the URL that is called; another one is not sent.",
    fix: "Use an upstream whose `url` has that host and whose `binding` leads to the address.",
  },
  SLV3201: {
    why: "The share is 0 %, and failures are told by the share, too.",
    fix: "Raise `sample`, or leave `errors` at `always`.",
    example: "logs: { sample: 1% }",
  },
  SLV3205: {
    why: "Without `traces`, `metrics` or `logs` nothing is sent, whatever else stands there.",
    fix: "Add what is to be told, such as `traces: {}`, or remove what tells nothing.",
  },
  SLV3206: {
    why: "Agents find a receiver in their environment; the gateway has only the document.",
    fix: "Set `telemetry.otlp.endpoint`.",
  },
  SLV3207: {
    why: "The share is 0 %, and neither failures nor slow requests are kept.",
    fix: "Raise `sample`, or keep failures or slow requests.",
  },
  SLV3208: {
    why: "The endpoint stands for all signals; their paths are added to it.",
    fix: "Write the URL without `/v1/traces` and without a query.",
    example: "otlp: { endpoint: https://collector.example:4318 }",
  },
  SLV3209: {
    why: "The exporter says this field of each request itself.",
    fix: "Remove it.",
  },
  SLV3210: {
    why: "The gateway and each agent say this of themselves; one value for all would be wrong.",
    fix: "Keep attributes that all of them have in common.",
  },
  SLV3211: {
    why: "Every agent shows its plan to whoever may read its administration, with this credential in it.",
    fix: "Put a reference in its place.",
    example: 'headers: { authorization: "Bearer ${secret:COLLECTOR_TOKEN}" }',
  },
  SLV3242: {
    why: "The outer time is over first, so the inner one is never reached and its failure is told in other words.",
    fix: "Make the inner time shorter than the one around it.",
  },
  SLV3243: {
    why: "Each layer repeats what the other has repeated: attempts multiply when a service is already in trouble.",
    fix: "Keep retries in one layer, the nearest to what fails.",
  },
  SLV3244: {
    why: "The bound never comes into effect beside another one, so it promises what does not happen.",
    fix: "Change one of the two; the message says how they work together.",
  },
  SLV3245: {
    why: "Attempts are allowed, and nothing of what happens is a reason for one.",
    fix: "Name reasons in `on`, or remove `retries`.",
  },
  SLV3246: {
    why: "It is checked and kept for nothing; mostly what named it was renamed or removed.",
    fix: "Use it, or remove it.",
  },
  SLV3249: {
    why: "A request to a Worker may make a limited number of calls, and retries count.",
    fix: "Lower attempts or the number of calls.",
  },
} as const satisfies Record<string, CodePage>;
