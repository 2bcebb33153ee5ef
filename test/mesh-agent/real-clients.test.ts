/** Programs that know nothing of the mesh, on both ends of two agents; those that a machine does not have are skipped. */
import { execFile, execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { Client } from "undici";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePort } from "../../mesh-agent/lifecycle/ports.ts";
import { Fleet, type TestAgent, until } from "./support/agents.ts";
import { TestControl } from "./support/control-plane.ts";
import { EchoClient } from "./support/grpc-client.ts";

const has = (program: string): boolean => {
  try {
    execFileSync(program, [program === "nginx" ? "-v" : "--version"], { stdio: "ignore" });
    return true;
  } catch {
    process.stdout.write(`${program} is not installed: its tests are skipped\n`);
    return false;
  }
};
const programs = { curl: has("curl"), nginx: has("nginx"), python: has("python3") };
const run = promisify(execFile);

const fleet = new Fleet();
let control: TestControl;
let caller: TestAgent;

function nginx(name: string, port: number, server: string): readonly string[] {
  const folder = fleet.folder();
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  const file = join(folder, `${name}.conf`);
  writeFileSync(join(folder, "hello.txt"), "hello\n");
  writeFileSync(
    file,
    `daemon off; master_process off; pid ${folder}/nginx.pid; events {}
http { ${temporary.map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(" ")} access_log off;
server { listen 127.0.0.1:${port} http2; root ${folder}; ${server} } }`,
  );
  return ["nginx", "-e", join(folder, "error.log"), "-p", folder, "-c", file];
}

function start(service: string, command: readonly string[], flags: readonly string[] = ["--port", "0"]): TestAgent {
  const folder = fleet.folder();
  const args = ["run", "--state", folder, "--instance", `${service}-1`, ...flags, "--", ...command];
  return fleet.start(`${service}-1`, folder, args, control.joinToken(service));
}

beforeAll(async () => {
  control = await TestControl.start();
  control.setPlan("caller", { outbound: { python: {}, nginx: { protocol: "http2" }, echo: { protocol: "grpc" } } });
  control.setPlan("python", {});
  control.setPlan("nginx", { inbound: { protocol: "http2" } });
  control.setPlan("echo", { inbound: { protocol: "grpc" } });
  const agents = [fleet.grpc("echo-1", control.joinToken("echo"))];
  if (programs.python) {
    const folder = fleet.folder();
    writeFileSync(join(folder, "hello.txt"), "hello\n");
    agents.push(
      start("python", ["sh", "-c", `exec python3 -m http.server --bind 127.0.0.1 --directory ${folder} $PORT`]),
    );
  }
  if (programs.nginx) {
    const port = await freePort("127.0.0.1");
    agents.push(start("nginx", nginx("app", port, ""), ["--port", String(port)]));
  }
  caller = fleet.run("caller-1", control.joinToken("caller"));
  await Promise.all([caller, ...agents].map((agent) => agent.ready()));
  await until("the caller knows them", async () => {
    const { text } = await caller.admin("/config");
    return agents.every(({ name }) => text.includes(`"instance":"${name}"`));
  });
}, 40_000);

afterAll(async () => {
  await fleet.end();
  await control.close();
});

const outbound = (): string => `http://127.0.0.1:${caller.runtime.ports.outbound}`;

async function curl(service: string, ...flags: readonly string[]): Promise<string> {
  const shows = ["-sS", "-m", "10", "-w", "%{http_code} %{http_version}", "-H", `Host: ${service}.mesh`];
  const { stdout } = await run("curl", [...shows, ...flags, `${outbound()}/hello.txt`]);
  return stdout;
}

describe.skipIf(!programs.curl).each([
  ["python", programs.python],
  ["nginx", programs.nginx],
])("curl calls %s", (service, isThere) => {
  test.skipIf(!isThere)("by HTTP/2 without TLS", async () => {
    expect(await curl(service, "--http2-prior-knowledge")).toBe("hello\n200 2");
  });

  test.skipIf(!isThere)("by HTTP/1.1", async () => {
    expect(await curl(service, "--http1.1")).toBe("hello\n200 1.1");
  });

  test.skipIf(!isThere)("by its name through the proxy", async () => {
    const flags = ["-sS", "-m", "10", "--noproxy", "", "-x", outbound(), `http://${service}.mesh/hello.txt`];
    expect((await run("curl", flags)).stdout).toBe("hello\n");
  });
});

test.skipIf(!programs.python)("undici calls by HTTP/2 without TLS", async () => {
  const client = new Client(outbound(), { allowH2: true, h2Options: { useH2c: true } });
  try {
    const asked = { method: "GET", path: "/hello.txt", headers: { host: "python.mesh" } } as const;
    const answers = await Promise.all(Array.from({ length: 20 }, () => client.request(asked)));
    expect(await Promise.all(answers.map(({ body }) => body.text()))).toEqual(Array(20).fill("hello\n"));
  } finally {
    await client.close();
  }
});

test.skipIf(!programs.nginx)("nginx passes gRPC on into the mesh", async () => {
  const port = await freePort("127.0.0.1");
  const upstream = `grpc://127.0.0.1:${caller.runtime.ports.outbound}`;
  const front = `location / { grpc_pass ${upstream}; grpc_set_header Host echo.mesh; }`;
  const [program = "", ...args] = nginx("front", port, front);
  const child = execFile(program, args);
  const client = new EchoClient(`127.0.0.1:${port}`);
  try {
    let answered = "";
    await until("nginx answers", async () => {
      const { code, body } = await client.unary("Unary", "through", undefined, { deadline: Date.now() + 1_000 });
      answered = `${code} ${body}`;
      return code === 0;
    });
    expect(answered).toBe("0 through");
  } finally {
    client.close();
    child.kill();
  }
});
