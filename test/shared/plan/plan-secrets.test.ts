import { expect, test } from "vitest";
import { checkDocument } from "../../../shared/config/check-document.ts";
import { secretUses } from "../../../shared/config/secret-uses.ts";
import { compile } from "../../../shared/plan/compile.ts";
import { planSecrets } from "../../../shared/plan/plan-secrets.ts";

const s = (name: string): string => `\${secret:${name}}`;

const written = {
  selvage: 1,
  name: "test",
  gateway: {
    hosts: ["api.example"],
    identity: {
      hmac: { jwt: { issuer: "https://a.example/", audience: "api", secret: s("JWT_KEY") } },
      asked: {
        introspection: { issuer: "https://b.example/", clientId: "api", clientSecret: s("CLIENT"), subject: "sub" },
      },
      login: { oidc: { issuer: "https://c.example/", clientId: "web", clientSecret: s("WEB_CLIENT") } },
      partner: { signature: { keys: [{ keyid: "k", secret: s("SIGNED"), subject: "p" }] } },
      hooks: { webhook: { style: "github", secrets: [s("HOOK_OLD"), s("HOOK_NEW")] } },
    },
    routes: [
      {
        ...{ name: "a", match: { path: "/a" }, to: "https://a.example" },
        transform: { request: { headers: { set: { authorization: `Bearer ${s("TOKEN")}` } } } },
      },
    ],
  },
};

test("every secret that the document of a gateway names is found in its plan", () => {
  const { document, problems } = checkDocument(written);
  if (document === undefined) throw new Error(JSON.stringify(problems));
  const found = planSecrets(compile(document).gateway);
  expect(found).toEqual(secretUses(document).map(({ name }) => name));
  expect(found).toEqual(["CLIENT", "HOOK_NEW", "HOOK_OLD", "JWT_KEY", "SIGNED", "TOKEN", "WEB_CLIENT"]);
});
