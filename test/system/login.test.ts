/** The example of logins in a real browser: examples/oidc-login on plain workerd, with the test identity provider. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { chromiumPath, startChromium } from "../support/chromium.ts";
import { ended, freePorts, root, until } from "../support/system.ts";

const program = chromiumPath();
if (program === undefined) console.warn("no Chromium here: the logins in a browser are not tested (CHROMIUM_PATH)");
const browserTest = test.skipIf(program === undefined);

const SESSION = "__Host-selvage-session-web";
const state = mkdtempSync(join(tmpdir(), "selvage-login-"));
const children: ChildProcess[] = [];
let browser: Browser;
let context: BrowserContext;
let page: Page;
/** Pages of somebody else: of the same site, for sites have no ports, and of another one. */
let evil: Server;
let [gateway, control, idp, web] = [0, 0, 0, 0];

function start(args: readonly string[], environment: Record<string, string>): ChildProcess {
  const env = { ...process.env, ...environment };
  const child = spawn(process.execPath, args, { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
  children.push(child);
  return child;
}

beforeAll(async () => {
  if (program === undefined) return;
  [gateway = 0, control = 0, idp = 0, web = 0] = await freePorts(4);
  evil = createServer((request, response) => {
    const target = new URL(request.url ?? "/", "http://x").searchParams.get("to") ?? "";
    const form = `<form id="f" method="post" action="${target}"></form><script>document.forms[0].submit()</script>`;
    response.writeHead(200, { "content-type": "text/html" }).end(form);
  });
  await new Promise<void>((done) => evil.listen(0, "127.0.0.1", done));
  start(["examples/shop/idp.ts"], { PORT: String(idp), IDP_STATE: join(state, "idp") });
  start(["examples/oidc-login/web.ts"], { PORT: String(web) });
  const ports = ["--gateway-port", String(gateway), "--control-port", String(control)];
  const serve = start(["bin/selvage.mjs", "serve", ...ports, "--document", "examples/oidc-login/selvage.yaml"], {
    SELVAGE_STATE: state,
    SHOP_ISSUER: `http://127.0.0.1:${idp}/`,
    WEB_URL: `http://127.0.0.1:${web}`,
    SHOP_IDLE: "15s",
    SECRET_WEB_CLIENT: "shop-web-secret",
  });
  let output = "";
  for (const stream of [serve.stdout, serve.stderr])
    stream?.on("data", (text) => {
      output += text;
    });
  await until("selvage ready", () => output.includes("selvage ready"), 60_000);
  browser = await startChromium(program);
});
afterAll(async () => {
  await browser?.close();
  const ends = children.map((child) => ended(child));
  for (const child of children) child.kill("SIGTERM");
  await Promise.all(ends);
  evil?.close();
  rmSync(state, { recursive: true, force: true });
});

beforeEach(async () => {
  if (program === undefined) return;
  context = await browser.newContext();
  page = await context.newPage();
});
afterEach(() => context?.close());

const url = (path: string, host = "localhost"): string => `http://${host}:${gateway}${path}`;
const sessionCookie = async () => (await context.cookies(url("/"))).find(({ name }) => name === SESSION);

/** What somebody with a copy of the cookie gets, without a browser. */
const withCookie = async (value: string, host?: string): Promise<number> =>
  (await fetch(url("/api/orders/1", host), { headers: { cookie: `${SESSION}=${value}` } })).status;

async function logIn(host?: string): Promise<void> {
  await page.goto(url("/account/home?from=test", host));
  expect(new URL(page.url()).port).toBe(String(idp));
  await page.fill("[name=username]", "alice");
  await page.click("button");
  await page.waitForURL(url("/account/home?from=test", host));
  await page.waitForFunction('document.getElementById("who").textContent === "You are Alice"');
}

async function order(): Promise<string> {
  await page.evaluate('document.getElementById("orders").textContent = ""');
  await page.click("#order");
  await page.waitForFunction('document.getElementById("orders").textContent !== ""');
  return (await page.textContent("#orders")) ?? "";
}

browserTest("logs in, calls, and logs out: a stolen cookie is of no use afterwards", async () => {
  await logIn();
  const cookie = await sessionCookie();
  expect(cookie).toMatchObject({ httpOnly: true, secure: true, sameSite: "Lax", path: "/", domain: "localhost" });
  expect(await page.evaluate("document.cookie")).toBe("");
  expect(await order()).toMatch(/^200 .*"cookies":""/);
  const stolen = cookie?.value ?? "";
  // Bound to the host that it is for; and good there, as long as nobody logs out.
  expect(await withCookie(stolen, "127.0.0.1")).toBe(401);
  expect(await withCookie(stolen)).toBe(200);
  await page.click("#logout button");
  await page.waitForURL(url("/"));
  await page.waitForFunction('document.getElementById("who").textContent === "You are nobody"');
  expect(await sessionCookie()).toBeUndefined();
  expect(await withCookie(stolen)).toBe(401);
  // The session at the provider is over, too: it asks again.
  await page.goto(url("/account/home"));
  expect(await page.textContent("h1")).toBe("Log in to the shop");
});

browserTest("on 127.0.0.1 as well", async () => {
  await logIn("127.0.0.1");
  expect(await order()).toMatch(/^200 /);
});

browserTest("is renewed while it is used, and ends when it is not", async () => {
  await logIn();
  const first = (await sessionCookie())?.value;
  await until("another cookie", async () => {
    expect(await order()).toMatch(/^200 /);
    return (await sessionCookie())?.value !== first;
  });
  const told = async (): Promise<unknown> =>
    page.evaluate('fetch("/.selvage/web/session").then((answer) => answer.json()).then((body) => body.authenticated)');
  expect(await told()).toBe(true);
  await until("the session is over", async () => (await told()) === false, 40_000);
  // The provider still knows who it is: no form, and a new session.
  await page.goto(url("/account/home"));
  await page.waitForURL(url("/account/home"));
  await page.waitForFunction('document.getElementById("who").textContent === "You are Alice"');
});

browserTest("a page of somebody else changes nothing", async () => {
  await logIn();
  const orders = async (): Promise<number> => JSON.parse((await order()).slice(4)).orders;
  const before = await orders();
  const port = (evil.address() as AddressInfo).port;
  // Of the same site the browser sends the cookie: the gateway looks at where the request comes from.
  const neighbour = page.waitForResponse(url("/api/orders/1"));
  await page.goto(`http://localhost:${port}/?to=${encodeURIComponent(url("/api/orders/1"))}`).catch(() => undefined);
  expect([(await neighbour).status(), ((await (await neighbour).json()) as { code: string }).code]).toEqual([
    403,
    "cross_site",
  ]);
  // Of another site it sends none.
  const stranger = page.waitForResponse(url("/api/orders/1"));
  await page.goto(`http://127.0.0.1:${port}/?to=${encodeURIComponent(url("/api/orders/1"))}`).catch(() => undefined);
  expect((await stranger).status()).toBe(401);
  // Nor can it log somebody out.
  const logout = page.waitForResponse(url("/.selvage/web/logout"));
  await page
    .goto(`http://localhost:${port}/?to=${encodeURIComponent(url("/.selvage/web/logout"))}`)
    .catch(() => undefined);
  expect((await logout).status()).toBe(403);
  await page.goto(url("/account/home"));
  expect(await orders()).toBe(before + 1);
});

browserTest("ends when the provider says so", async () => {
  await logIn();
  const answered = await fetch(`http://127.0.0.1:${idp}/end-sessions?sub=alice`, { method: "POST" });
  const { ended: count, told } = (await answered.json()) as { ended: number; told: number[] };
  expect(count).toBeGreaterThan(0);
  expect(told).toContain(200);
  expect((await page.request.get(url("/api/orders/1"))).status()).toBe(401);
  await page.goto(url("/account/home"));
  expect(await page.textContent("h1")).toBe("Log in to the shop");
});
