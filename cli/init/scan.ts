/** What a folder tells of the services in it. */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import type { Description } from "../../shared/config/openapi/description.ts";
import { openDescription, readContract } from "../artifacts/build-contract.ts";
import { documentFolder } from "../artifacts/document-folder.ts";

export interface FoundUpstream {
  readonly name: string;
  readonly port: number;
  /** Where it was read, for people. */
  readonly from: string;
}

export interface FoundDescription {
  readonly file: string;
  readonly description: Description;
  readonly operations: number;
}

export interface Found {
  /** Of the folder. */
  readonly name: string;
  readonly api?: FoundDescription;
  /** A description that is there and cannot be used. */
  readonly unusable?: { readonly file: string; readonly why: string };
  readonly upstreams: readonly FoundUpstream[];
}

const FOLDERS = ["", "api/", "docs/", "spec/", "specs/"];
const DESCRIPTIONS = ["openapi.yaml", "openapi.yml", "openapi.json", "swagger.yaml", "swagger.yml", "swagger.json"];
const COMPOSE = ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"];

/** @param folder absolute */
export function scanFolder(folder: string): Found {
  const upstreams = [...composeUpstreams(folder), ...packageUpstreams(folder)];
  return { name: path.basename(folder), upstreams, ...findDescription(folder) };
}

function findDescription(folder: string): Pick<Found, "api" | "unusable"> {
  const names = FOLDERS.flatMap((below) => DESCRIPTIONS.map((name) => below + name));
  const file = names.find((name) => existsSync(path.join(folder, name)));
  if (file === undefined) return {};
  const readFile = documentFolder(path.join(folder, "selvage.yaml"));
  const description = openDescription({ openapi: file }, readFile);
  const { contract, problems } = readContract({ openapi: file }, readFile, []);
  const fault = problems.find(({ severity }) => severity === "error");
  if (description === undefined || contract === undefined || fault !== undefined)
    return { unusable: { file, why: fault?.message ?? "it cannot be read" } };
  return { api: { file, description, operations: operationsOf(description).length } };
}

/** One operation of a description. */
export interface FoundOperation {
  readonly method: string;
  readonly template: string;
  readonly place: ReturnType<Description["follow"]> & object;
  readonly item: ReturnType<Description["follow"]> & object;
}

const METHODS = ["get", "put", "post", "delete", "patch", "head", "options"];

export function operationsOf(description: Description): FoundOperation[] {
  return description.root.get("paths").entries.flatMap(([template, at]) => {
    const item = description.follow(at);
    return METHODS.flatMap((method): FoundOperation[] => {
      const place = item?.get(method);
      if (item === undefined || place?.isMapping !== true) return [];
      return [{ method: method.toUpperCase(), template, place, item }];
    });
  });
}

function composeUpstreams(folder: string): FoundUpstream[] {
  const file = COMPOSE.find((name) => existsSync(path.join(folder, name)));
  const services = file === undefined ? undefined : mapping(mapping(readYaml(path.join(folder, file))).services);
  return Object.entries(services ?? {}).flatMap(([name, settings]): FoundUpstream[] => {
    const { image, ports } = mapping(settings);
    const isStore = /(^|\/)(postgres|mysql|mariadb|redis|mongo|rabbitmq|kafka|memcached)/.test(String(image ?? ""));
    const port = isStore ? undefined : publishedPort(ports);
    return port === undefined ? [] : [{ name, port, from: `${file}: ${name}` }];
  });
}

/** The first that the machine itself listens on: `3001:80`, `127.0.0.1:3001:80/tcp`, `{ published: 3001 }`. */
function publishedPort(ports: unknown): number | undefined {
  for (const one of Array.isArray(ports) ? ports : []) {
    const text = String(mapping(one).published ?? one);
    const port = Number(/(?:^|:)(\d{1,5})(?::\d{1,5})?(?:\/tcp)?$/.exec(text)?.[1] ?? 0);
    if (port >= 1 && port <= 65_535) return port;
  }
  return undefined;
}

function packageUpstreams(folder: string): FoundUpstream[] {
  const file = path.join(folder, "package.json");
  if (!existsSync(file)) return [];
  const { name, scripts } = mapping(readYaml(file));
  for (const script of ["start", "dev", "serve"]) {
    const command = String(mapping(scripts)[script] ?? "");
    const port = /(?:\bPORT=|--port[= ]|\s-p[= ]?|localhost:|127\.0\.0\.1:)(\d{2,5})\b/.exec(command)?.[1];
    if (port !== undefined && Number(port) <= 65_535)
      return [{ name: String(name ?? "app"), port: Number(port), from: `package.json: scripts.${script}` }];
  }
  return [];
}

/** YAML contains JSON. What cannot be read is as if it were not there. */
function readYaml(file: string): unknown {
  try {
    return parse(readFileSync(file, "utf8"), { logLevel: "silent" });
  } catch {
    return undefined;
  }
}

function mapping(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
