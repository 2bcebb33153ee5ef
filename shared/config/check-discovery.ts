/** Checks of where a service's endpoints are found, and of what nobody enforces when they are called without an agent. */
import { refuseAddress } from "../discovery/admit.ts";
import { canonicalAddress, parseNetworks } from "../http/address-list.ts";
import { trustDomainOf } from "../identity/spiffe-id.ts";
import type { Cursor } from "./cursor.ts";
import { nearestName } from "./nearest-name.ts";
import { type DocumentProblem, error, warning } from "./problem.ts";
import { quote } from "./schema-problems.ts";
import { splitAddress } from "./split-address.ts";

const SOURCES = ["static", "dns", "kubernetes", "consul"] as const;

export function checkDiscovery(name: string, service: Cursor, top: Cursor): DocumentProblem[] {
  const discovery = service.get("discovery");
  if (discovery.value === null || typeof discovery.value !== "object") return [];
  const reach = discovery.get("reach");
  return [
    ...checkOneSource(discovery),
    ...checkStatic(discovery, service.get("port").value),
    ...checkDns(discovery.get("dns")),
    ...checkUrls(discovery),
    ...checkReach(reach, top),
    ...checkMeaning(discovery),
    ...(isWithoutAgent(reach) ? checkUnenforced(name, service) : []),
  ];
}

/** No agent that knows the service's rules takes its calls. */
const isWithoutAgent = (reach: Cursor): boolean => reach.exists && reach.text !== "agent";

function checkOneSource(discovery: Cursor): DocumentProblem[] {
  const given = SOURCES.filter((source) => discovery.get(source).exists);
  if (given.length === 1) return [];
  return [error("SLV2005", discovery.path, `\`discovery\` needs exactly one of ${SOURCES.join(", ")}`)];
}

function checkStatic(discovery: Cursor, ownPort: unknown): DocumentProblem[] {
  const allowed = parseNetworks(discovery.get("allow").texts);
  const seen = new Set<string>();
  return discovery.get("static").items.flatMap((item) => {
    const at = item.text === undefined ? item.get("address") : item;
    if (at.text === undefined) return [];
    const { host, port } = splitAddress(at.text);
    if (port !== undefined && (port < 1 || port > 65_535))
      return [error("SLV3186", at.path, `${port} is no port: they are from 1 to 65535`)];
    const address = canonicalAddress(host);
    const place = `${address ?? host.toLowerCase()} ${port ?? ownPort}`;
    if (seen.has(place)) return [error("SLV3186", at.path, `${quote(at.text)} is in the list already`)];
    seen.add(place);
    const refused = address === undefined ? undefined : refuseAddress(address, allowed);
    if (refused !== undefined) return [error("SLV3186", at.path, refused)];
    const looksLikeAddress = at.text.startsWith("[") || /^[\d.]+$/.test(host);
    return address === undefined && looksLikeAddress
      ? [error("SLV3186", at.path, `${quote(host)} is neither an address nor a name`)]
      : [];
  });
}

function checkDns(dns: Cursor): DocumentProblem[] {
  const [type, port] = [dns.get("type"), dns.get("port")];
  const problems: DocumentProblem[] = [];
  if (type.text === "srv" && port.exists)
    problems.push(error("SLV3181", port.path, "records of SRV name the ports themselves", { at: "key" }));
  if (type.text === "srv" && !dns.get("name").text?.startsWith("_"))
    problems.push(
      warning("SLV3180", dns.get("name").path, "a name of SRV records begins with `_service._protocol.` (RFC 2782)"),
    );
  for (const server of dns.get("servers").items) {
    const { host, port: at = 53 } = splitAddress(bracketed(server.text ?? ""));
    if (server.text !== undefined && (canonicalAddress(host) === undefined || at < 1 || at > 65_535))
      problems.push(error("SLV3180", server.path, `${quote(server.text)} is no address of a server`));
  }
  return problems;
}

/** An IPv6 address may stand alone. */
const bracketed = (text: string): string => (canonicalAddress(text)?.includes(":") ? `[${text}]` : text);

/** A token goes to nobody who could read it on the way. */
function checkUrls(discovery: Cursor): DocumentProblem[] {
  const kubernetes = discovery.get("kubernetes");
  const consul = discovery.get("consul");
  const api = kubernetes.get("api");
  const problems: DocumentProblem[] = [];
  for (const at of [api, consul.get("address")]) {
    if (at.text === undefined || !URL.canParse(at.text)) continue;
    const { pathname, search, hash, username, password } = new URL(at.text);
    if (pathname !== "/" || search + hash + username + password !== "")
      problems.push(error("SLV3180", at.path, "the URL may have a host and a port, nothing else"));
  }
  if (isReadable(api)) problems.push(error("SLV3180", api.path, "the token of the API server needs https"));
  if (consul.get("tokenFile").exists && isReadable(consul.get("address")))
    problems.push(error("SLV3180", consul.get("address").path, "a token needs https, or an address of loopback"));
  if (api.exists && !kubernetes.get("tokenFile").exists)
    problems.push(
      error(
        "SLV3180",
        api.path,
        "the token of an agent's pod is for its own cluster: another `api` needs a `tokenFile`",
      ),
    );
  return problems;
}

function isReadable({ text }: Cursor): boolean {
  if (text === undefined || !text.startsWith("http://") || !URL.canParse(text)) return false;
  return !["127.0.0.1", "[::1]", "localhost"].includes(new URL(text).hostname);
}

function checkReach(reach: Cursor, top: Cursor): DocumentProblem[] {
  const [tls, spiffe] = [reach.get("tls"), reach.get("spiffe")];
  if (reach.text === undefined && reach.exists && tls.exists === spiffe.exists)
    return [error("SLV2005", reach.path, "`reach` needs exactly one of tls, spiffe, or is `agent` or `plain`")];
  if (spiffe.text === undefined) return [];
  const own = top.get("mesh", "trustDomain").text;
  const known = top.get("mesh", "federation").keys;
  const trustDomain = trustDomainOf(spiffe.text);
  if (trustDomain === undefined) return [error("SLV3185", spiffe.path, `${quote(spiffe.text)} is no SPIFFE ID`)];
  if (trustDomain === own || known.includes(trustDomain)) return [];
  const nearest = nearestName(trustDomain, known);
  return [
    error("SLV3185", spiffe.path, `${trustDomain} is no trust domain of \`mesh.federation\``, {
      expected: known.length === 0 ? "none is defined" : `one of ${known.join(", ")}`,
      ...(nearest !== undefined && { suggestion: spiffe.text.replace(trustDomain, nearest) }),
    }),
  ];
}

/** Settings that decide nothing. */
function checkMeaning(discovery: Cursor): DocumentProblem[] {
  const isStatic = discovery.get("static").exists;
  const host = discovery.get("host");
  const problems = ["keepFor", "keepEmptyFor"].flatMap((key) => {
    const at = discovery.get(key);
    const message = `\`${key}\` is for sources that may fail: a list is always there`;
    return isStatic && at.exists ? [error("SLV3181", at.path, message, { at: "key" })] : [];
  });
  if (host.exists && !isWithoutAgent(discovery.get("reach")))
    problems.push(
      error("SLV3181", host.path, "agents are called by the service's own name: `host` is for `reach` without one", {
        at: "key",
      }),
    );
  return problems;
}

/** Members of access rules that only an agent before the application can look at. */
const OF_CALLS = ["scopes", "methods", "paths", "claims"] as const;
const OF_AGENT = ["shedding", "rateLimit", "expose"] as const;

/** What the agent before a service does, where there is none. */
function checkUnenforced(name: string, service: Cursor): DocumentProblem[] {
  const reach = service.get("discovery", "reach");
  const problems: DocumentProblem[] = [];
  if (service.get("protocol").text === "tcp" && reach.get("spiffe").text === undefined)
    problems.push(error("SLV3184", reach.path, "TCP goes from agent to agent: without one before it nobody takes it"));
  const rules = service.get("access").items.flatMap((rule) => OF_CALLS.map((key) => ({ key, at: rule.get(key) })));
  for (const { key, at } of rules)
    if (at.exists)
      problems.push(
        error("SLV3182", at.path, `\`${key}\` is looked at by the agent before ${name}, and there is none`, {
          at: "key",
        }),
      );
  for (const key of OF_AGENT)
    if (service.get(key).exists)
      problems.push(
        warning(
          "SLV3187",
          service.get(key).path,
          `\`${key}\` is done by agents before ${name}: what is found by \`discovery\` has none`,
          { at: "key" },
        ),
      );
  if (reach.text === "plain")
    problems.push(
      warning(
        "SLV3183",
        reach.path,
        `requests to ${name} are not encrypted, and \`access\` binds workloads of the mesh alone: whoever else reaches it may call`,
      ),
    );
  return problems;
}
