/** Where tokens of platforms come from: files, the environment, and servers that answer as the platforms document it. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { EnrolmentError } from "../../../mesh-agent/control/enrolment.ts";
import { platformToken } from "../../../mesh-agent/control/platform-token.ts";

let folder: string;
let server: Server;
let asked: IncomingMessage[];
let answer: { status: number; body: string };

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "selvage-token-"));
  asked = [];
  server = createServer((request, response) => {
    asked.push(request);
    response.writeHead(answer.status).end(answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterEach(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});
const host = (): string => `127.0.0.1:${(server.address() as AddressInfo).port}`;
const queryOf = (at: number) => Object.fromEntries(new URL(asked[at]?.url ?? "", "http://x").searchParams);

test("a file is read again on each use", async () => {
  const path = join(folder, "token");
  for (const token of ["one", "two"]) {
    writeFileSync(path, `${token}\n`);
    expect(await platformToken({ kind: "file", path }, {})).toBe(token);
  }
});

test("GitHub Actions is asked at its URL, with the audience", async () => {
  answer = { status: 200, body: '{"value":"t.t.t","count":3}' };
  const url = `http://${host()}/token?api-version=2.0`;
  const environment = { ACTIONS_ID_TOKEN_REQUEST_URL: url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: "r" };
  expect(await platformToken({ kind: "github", audience: "a b" }, environment)).toBe("t.t.t");
  expect(queryOf(0)).toEqual({ "api-version": "2.0", audience: "a b" });
  expect(asked[0]?.headers.authorization).toBe("Bearer r");
});

test("Google's metadata server is asked for a full token", async () => {
  answer = { status: 200, body: "t.t.t\n" };
  expect(await platformToken({ kind: "gcp", audience: "a" }, { GCE_METADATA_HOST: host() })).toBe("t.t.t");
  expect(asked[0]?.url).toMatch(/^\/computeMetadata\/v1\/instance\/service-accounts\/default\/identity\?/);
  expect(queryOf(0)).toEqual({ audience: "a", format: "full" });
  expect(asked[0]?.headers["metadata-flavor"]).toBe("Google");
});

test("Azure's identity endpoint is asked for the resource, as the identity that is named", async () => {
  answer = { status: 200, body: '{"access_token":"t.t.t","expires_on":"1"}' };
  const environment = { IDENTITY_ENDPOINT: `http://${host()}/msi/token`, IDENTITY_HEADER: "h", AZURE_CLIENT_ID: "c" };
  expect(await platformToken({ kind: "azure", audience: "api://a" }, environment)).toBe("t.t.t");
  expect(queryOf(0)).toEqual({ "api-version": "2019-08-01", resource: "api://a", client_id: "c" });
  expect(asked[0]?.headers["x-identity-header"]).toBe("h");
});

test("an environment variable is a token", async () => {
  expect(await platformToken({ kind: "env", name: "T" }, { T: " t.t.t " })).toBe("t.t.t");
});

const GITHUB = { kind: "github", audience: "a" } as const;
test.each([
  ["no file", { kind: "file", path: "/nonexistent" } as const, {}, /cannot read the token in \/nonexistent/, false],
  ["no variable", { kind: "env", name: "T" } as const, {}, /no token in the environment variable T/, true],
  ["a job without the permission", GITHUB, {}, /permissions: id-token: write/, true],
])("%s is told", async (_, source, environment, reason, final) => {
  const failure = await platformToken(source, environment).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(EnrolmentError);
  expect(failure).toMatchObject({ message: expect.stringMatching(reason), final });
});

test.each([
  ["an error", { status: 500, body: "" }, /it answered 500/],
  ["no JSON", { status: 200, body: "x" }, /without a token/],
  ["another member", { status: 200, body: '{"token":"x"}' }, /without a token/],
  ["too much", { status: 200, body: "x".repeat(1_000_000) }, /too large/],
])("a platform that answers %s is asked again later", async (_, given, reason) => {
  answer = given;
  const environment = { ACTIONS_ID_TOKEN_REQUEST_URL: `http://${host()}/`, ACTIONS_ID_TOKEN_REQUEST_TOKEN: "r" };
  const failure = await platformToken(GITHUB, environment).catch((error: unknown) => error);
  expect(failure).toMatchObject({ message: expect.stringMatching(reason), final: false });
});
