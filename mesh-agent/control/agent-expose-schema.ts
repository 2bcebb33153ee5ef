/** What an agent accepts as the part of its plan that faces the outside. */
import * as z from "zod/mini";
import type { PublicJwk } from "../../shared/auth/jwk.ts";
import type { ExposePlan } from "../../shared/plan/plan.ts";

const texts = z.array(z.string());
const textMap = z.record(z.string(), z.string());
const count = z.int().check(z.minimum(1));
const durationMs = z.number().check(z.positive());
const template = z.array(z.union([z.string(), texts]));
const flag = z.literal(true);

const keyPart = z.union([
  z.enum(["identity", "ip", "consumer", "plan", "all"]),
  z.object({ ip: z.object({ v4: count, v6: count }) }),
  z.object({ header: z.string() }),
  z.object({ claim: texts }),
  z.object({ path: z.string() }),
  z.object({ query: z.string() }),
  z.object({ cookie: z.string() }),
  z.object({ cel: z.string() }),
]);

/** How much a limit lets through. */
export const limitCount = {
  name: z.string(),
  limit: count,
  windowMs: durationMs,
  burst: z.exactOptional(count),
  window: z.exactOptional(z.enum(["fixed", "month"])),
  counts: z.exactOptional(z.literal("concurrent")),
  missing: z.exactOptional(z.literal("refuse")),
  shadow: z.exactOptional(flag),
};

const rateLimit = z.object({
  ...limitCount,
  by: z.union([keyPart, z.array(keyPart)]),
  rows: z.exactOptional(z.string()),
  mode: z.literal("local"),
  onFailure: z.enum(["open", "closed"]),
});

const limitRow = z.union([
  z.literal("unlimited"),
  z.object({
    limit: count,
    windowMs: z.exactOptional(durationMs),
    burst: z.exactOptional(count),
    window: z.exactOptional(z.enum(["fixed", "month"])),
  }),
]);
const limitRows = z.object({
  plans: z.exactOptional(z.record(z.string(), limitRow)),
  consumers: z.exactOptional(z.record(z.string(), limitRow)),
});

const claimValues = z.array(z.union([z.string(), z.number(), z.boolean()]));
/** Strict, as providers are: what is not understood here could let somebody in. */
const auth = z.strictObject({
  any: texts,
  all: z.exactOptional(texts),
  optional: z.exactOptional(flag),
  scopes: texts,
  claims: z.exactOptional(z.record(z.string(), claimValues)),
  groups: z.exactOptional(texts),
  when: z.exactOptional(z.string()),
  mode: z.exactOptional(z.literal("shadow")),
});

const edits = z.object({ remove: texts, set: textMap, add: textMap });
const segment = z.union([
  z.object({ literal: z.string() }),
  z.object({ param: z.string(), regex: z.exactOptional(z.string()) }),
]);
const path = z.object({
  ...{ text: z.string(), segments: z.array(segment), tail: z.boolean() },
  regex: z.exactOptional(z.string()),
});
const plainTest = z.union([
  z.string(),
  z.object({ anyOf: texts }),
  z.object({ prefix: z.string() }),
  z.object({ regex: z.string() }),
]);
const tests = z.record(
  z.string(),
  z.union([plainTest, z.object({ present: z.boolean() }), z.object({ not: plainTest })]),
);
const match = z.object({
  ...{ hosts: texts, path, methods: texts, headers: tests },
  ...{ query: z.exactOptional(tests), cookies: z.exactOptional(tests), ip: z.exactOptional(texts) },
});

const route = z.object({
  name: z.string(),
  owner: z.exactOptional(z.string()),
  quarantine: z.exactOptional(z.string()),
  match,
  auth: z.exactOptional(auth),
  identityHeaders: z.exactOptional(z.record(z.string(), template)),
  rateLimits: z.array(rateLimit),
  legacyRateLimitHeaders: z.exactOptional(z.enum(["epoch", "seconds"])),
  priority: z.exactOptional(z.enum(["high", "normal", "low"])),
  transform: z.object({ request: edits, response: edits }),
  target: z.object({
    kind: z.literal("forward"),
    to: z.object({ service: z.string() }),
    rewrite: z.exactOptional(z.string()),
  }),
  timeoutMs: durationMs,
  bodyBytesMax: z.int().check(z.minimum(0)),
});

const member = z.exactOptional(z.string());
const publicKey: z.ZodMiniType<PublicJwk> = z.object({
  kty: z.enum(["RSA", "EC", "OKP"]),
  ...{ kid: member, alg: member, crv: member, x: member, y: member, n: member, e: member },
});

const provider = z.strictObject({
  kind: z.literal("jwt"),
  issuer: z.string(),
  audiences: texts,
  algorithms: texts,
  clockSkewMs: z.number(),
  keys: z.exactOptional(z.union([z.object({ url: z.string() }), z.object({ jwks: z.array(publicKey) })])),
  unexpiring: z.exactOptional(flag),
  tokenAgeMsMax: z.exactOptional(durationMs),
  claims: z.exactOptional(
    z.object({
      consumer: z.exactOptional(z.string()),
      plan: z.exactOptional(z.string()),
      groups: z.exactOptional(z.string()),
      scopes: z.exactOptional(z.string()),
    }),
  ),
  binding: z.exactOptional(
    z.strictObject({ dpop: z.exactOptional(z.literal("accepted")), nonce: z.exactOptional(flag) }),
  ),
});

const cors = z.object({
  origins: texts,
  methods: texts,
  allowHeaders: texts,
  exposeHeaders: texts,
  credentials: z.boolean(),
  maxAgeMs: z.number(),
});

export const exposeSchema: z.ZodMiniType<ExposePlan> = z.object({
  listen: z.exactOptional(z.string()),
  hosts: texts,
  cors: z.exactOptional(cors),
  clientIp: z.exactOptional(z.object({ trustedProxies: texts, header: z.string() })),
  proxyProtocol: z.exactOptional(texts),
  identity: z.record(z.string(), provider),
  identityHeaders: z.exactOptional(texts),
  limitRows: z.exactOptional(z.record(z.string(), limitRows)),
  routes: z.array(route),
});
