/** What nobody outside may say, do or bring about at a public listener: each refused with the right status, never a 500. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sendRaw } from "../support/raw-http.ts";
import { ExposedWorld } from "./support/exposed-world.ts";
import { HOST, type OutsideAnswer } from "./support/outside.ts";

let started: ExposedWorld | undefined;
let world: ExposedWorld;
beforeAll(async () => {
  world = started = await ExposedWorld.start();
}, 40_000);
afterAll(() => started?.end());

const ask: ExposedWorld["ask"] = (...given) => world.ask(...given);

/** What the application got. */
const seen = ({ json }: OutsideAnswer): Record<string, string> => json.headers as Record<string, string>;

describe("what clients say of themselves", () => {
  test.each([
    ["selvage-deadline-ms", "1"],
    ["selvage-service", "users"],
    ["Txn-Token", "eyJ.e30.x"],
    ["X-Forwarded-For", "10.0.0.1"],
    ["X_Forwarded_For", "10.0.0.1"],
    ["X-Forwarded-Proto", "http"],
    ["Forwarded", "for=10.0.0.1"],
    ["X-Real-IP", "10.0.0.1"],
    ["True-Client-IP", "10.0.0.1"],
    ["X-Original-URL", "/admin"],
    ["X-HTTP-Method-Override", "DELETE"],
    ["Client-Cert", ":AAAA:"],
    ["x-user", "root"],
    ["X_User", "root"],
    ["Via", "1.1 inside"],
  ])("%s is not believed", async (name, value) => {
    const answer = await ask("/public/1", { headers: { [name]: value } });
    expect(answer.status).toBe(200);
    const said = Object.entries(seen(answer)).filter(([, one]) => one === value && name !== "selvage-deadline-ms");
    expect(said).toEqual([]);
    expect(Number(seen(answer)["selvage-deadline-ms"])).toBeGreaterThan(1000);
    expect(seen(answer)["x-user"]).toBeUndefined();
  });

  test.each<[string, string, number | undefined]>([
    ["an unknown host", "GET /public/1 HTTP/1.1\r\nhost: other.example\r\n\r\n", 421],
    ["no host", "GET /public/1 HTTP/1.1\r\n\r\n", 400],
    ["two hosts", `GET /public/1 HTTP/1.1\r\nhost: ${HOST}\r\nhost: ${HOST}\r\n\r\n`, 400],
    ["a host with a path", `GET /public/1 HTTP/1.1\r\nhost: ${HOST}/a\r\n\r\n`, 400],
    ["a host with a user", `GET /public/1 HTTP/1.1\r\nhost: a@${HOST}\r\n\r\n`, 400],
    ["no route", `GET /nowhere HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`, 404],
    ["a method that the path does not take", `DELETE /orders/1 HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`, 405],
    ["TRACE", `TRACE /public/1 HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`, 501],
    ["CONNECT", `CONNECT ${HOST}:443 HTTP/1.1\r\nhost: ${HOST}:443\r\n\r\n`, 501],
    ["OPTIONS *", `OPTIONS * HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`, 400],
    ["GET with content", `GET /public/1 HTTP/1.1\r\nhost: ${HOST}\r\ncontent-length: 1\r\n\r\nx`, 400],
    ["dot segments", `GET /orders/../public/1 HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`, 400],
    ["encoded dot segments", `GET /orders/%2e%2e/public/1 HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`, 400],
    ["an encoded slash", `GET /public/a%2fb HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`, 400],
    ["a double slash", `GET //public/1 HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`, 400],
    ["a backslash", `GET /public\\1 HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`, 400],
    ["an escape of a control character", `GET /public/%00 HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`, 400],
    ["an escape that is none", `GET /public/%zz HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`, 400],
    ["bytes that are no UTF-8", `GET /public/%ff HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`, 400],
    [
      "length and chunks",
      `POST /public/1 HTTP/1.1\r\nhost: ${HOST}\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
    ],
    [
      "two lengths",
      `POST /public/1 HTTP/1.1\r\nhost: ${HOST}\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabc`,
      400,
    ],
    ["a target that is too long", `GET /public/${"a".repeat(17_000)} HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`, 414],
    ["fields that are too many", `GET /public/1 HTTP/1.1\r\nhost: ${HOST}\r\n${"a: b\r\n".repeat(200)}\r\n`, 431],
    ["fields that are too long", `GET /public/1 HTTP/1.1\r\nhost: ${HOST}\r\na: ${"b".repeat(70_000)}\r\n\r\n`, 431],
    [
      "two credentials",
      `GET /orders/1 HTTP/1.1\r\nhost: ${HOST}\r\nauthorization: Bearer a.b.c\r\nauthorization: Bearer d.e.f\r\n\r\n`,
      401,
    ],
    [
      "a token that is none",
      `GET /orders/1 HTTP/1.1\r\nhost: ${HOST}\r\nauthorization: Bearer ${"x".repeat(20_000)}\r\n\r\n`,
      401,
    ],
    ["another scheme", `GET /orders/1 HTTP/1.1\r\nhost: ${HOST}\r\nauthorization: Basic YTpi\r\n\r\n`, 401],
    ["HTTP/0.9", "GET /public/1\r\n\r\n", 400],
    ["no HTTP at all", "\x00\x01\x02\x03\r\n\r\n", 400],
  ])("%s", async (_, bytes, status) => {
    const tls = { ca: world.certificate.authority.rootPem, servername: HOST };
    const closing = bytes.replace(" HTTP/1.1\r\n", " HTTP/1.1\r\nconnection: close\r\n");
    const answer = await sendRaw(world.port, [closing], tls);
    expect(answer.status).toBe(status);
  });

  test("a client that does not speak TLS gets nothing", async () => {
    const answer = await sendRaw(world.port, [`GET /public/1 HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`]);
    expect(answer.status).toBeUndefined();
  });
});
