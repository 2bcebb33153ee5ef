/** The texts of a first document and its tests. */
import type { Decided, DecidedRoute, Decision } from "./decide.ts";

export const SCHEMA_FILE = ".selvage/selvage.schema.json";
export const TEST_SCHEMA_FILE = ".selvage/selvage.test.schema.json";

/** Lines that keep what belongs to this machine alone out of git. */
export const IGNORED = [".selvage/", ".dev.vars", ".env"] as const;

/** At most 30 lines. */
export function documentText(decision: Decision): string {
  const { name, contract, identity, routes } = decision;
  const lines = [
    `# yaml-language-server: $schema=${SCHEMA_FILE}`,
    "selvage: 1",
    `name: ${quoted(name)}`,
    "gateway:",
    `  hosts: [localhost, "127.0.0.1"] # add the names that clients use`,
    ...(contract === undefined ? [] : [`  contracts: { api: { openapi: ${quoted(contract.file)} } }`]),
    ...(identity === undefined ? [] : [`  identity: { ${identity.value} } # ${comment(identity)}`]),
    "  routes:",
    ...routes.flatMap((route) => routeLines(route, decision)),
  ];
  return `${lines.join("\n")}\n`;
}

function routeLines(route: DecidedRoute, { contract, limit, routes }: Decision): string[] {
  const { name, path, rewrite, isPublic, to } = route;
  const isLast = routes.at(-1) === route;
  const by = isPublic ? "ip, onFailure: open" : "identity";
  const said = (decided: Decided): string => (isLast ? ` # ${comment(decided)}` : "");
  const held = { value: "", why: `${contract?.operations} operations, nothing else passes` };
  const rest = [
    ...(contract === undefined ? [] : [`validate: { contract: api }${said(held)}`]),
    ...(rewrite === undefined ? [] : [`rewrite: ${quoted(rewrite)}`]),
    ...(isPublic ? [] : ["auth: { any: [clients] } # a key: selvage keys create --owner me"]),
    `rateLimit: { limit: ${limit.value}, by: ${by} }${said(limit)}`,
    `to: ${quoted(to.value)}${said(to)}`,
  ];
  if (routes.length <= 2)
    return [
      `    - name: ${quoted(name)}`,
      `      match: { path: ${quoted(path.value)} } # ${comment(path)}`,
      ...rest.map((line) => `      ${line}`),
    ];
  // More of them stay short, so that the whole is seen at a glance.
  const members = [
    `name: ${quoted(name)}`,
    `match: { path: ${quoted(path.value)} }`,
    ...rest.map((line) => line.replace(/ # .*$/, "")),
  ];
  const why = [path.why, to.why, ...(isLast ? [`${limit.value} is ${limit.why}`] : [])].join("; ");
  return [`    # ${comment({ value: "", why })}`, `    - { ${members.join(", ")} }`];
}

export function testText({ example, identity, routes, contract }: Decision): string {
  const route = routes.at(-1);
  const { method, url } = example ?? { method: "GET", url: (route?.path.value ?? "/").replace("*", "") };
  const who = identity === undefined ? "" : ", as: someone";
  const request = `{ method: ${method}, url: ${quoted(url)}${who} }`;
  const lines = [
    `# yaml-language-server: $schema=${TEST_SCHEMA_FILE}`,
    "cases:",
    `  - name: what is described goes to its upstream`,
    `    request: ${request}`,
    `    expect: { outcome: forward, route: ${quoted(route?.name ?? "")}, upstream: { to: ${quoted(route?.to.value ?? "")} } }`,
    ...(identity === undefined
      ? []
      : [
          "  - name: nobody gets in without credentials",
          `    request: { method: ${method}, url: ${quoted(url)} }`,
          "    expect: { status: 401, denied: { by: auth, code: credentials_missing } }",
        ]),
    ...(contract === undefined && route?.path.value === "/*"
      ? []
      : [
          "  - name: what is not described does not pass",
          `    request: { url: /not/described/anywhere${who} }`,
          "    expect: { outcome: refuse, status: 404 }",
        ]),
  ];
  return `${lines.join("\n")}\n`;
}

/** Within the line; what comes from a file cannot end it. */
const comment = ({ why }: Decided): string => why.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ").slice(0, 90);

/** As YAML takes it for a text, also inside of braces. */
const quoted = (text: string): string =>
  /^[A-Za-z0-9/][A-Za-z0-9._/-]*$/.test(text) && !/^(?:\d|true$|false$|null$|yes$|no$)/i.test(text)
    ? text
    : JSON.stringify(text);
