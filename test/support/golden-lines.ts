/** Command lines whose output is kept in test/cli/golden. */

export interface GoldenLine {
  /** `@FILE` is a file of test/support/cli-files.ts; `{WORD}` what an earlier line told. */
  readonly line: string;
  /** What the line tells for later ones. */
  readonly tells?: readonly [word: string, pattern: RegExp];
  /** Only so many lines of stdout are kept: the rest says the same of more. */
  readonly head?: number;
}

const plain = (...lines: readonly string[]): GoldenLine[] => lines.map((line) => ({ line }));

const SHOP = "examples/shop/selvage.yaml";

/** Of examples, and of a control plane that says the same always. */
export const CANNED_LINES: readonly string[] = [
  `routes --file ${SHOP}`,
  `routes --file ${SHOP} --host api.shop.example --json`,
  "routes --file examples/limits/selvage.yaml",
  "routes --file examples/teams/selvage.yaml --owner payments",
  `mesh edges --file ${SHOP} --of orders`,
  "secret list --file examples/webhooks/selvage.yaml",
  "secret check --file examples/webhooks/selvage.yaml",
  "help SLV3012",
  "help slv4001 --json",
  "routes --host localhost:8080",
  "routes --host elsewhere.example",
  "mesh status",
  "mesh status --service users --json",
  "mesh config orders-2",
  "mesh config inventory-1",
  "mesh config order-1",
  "mesh edges",
  "mesh edges --of inventory --window 1h --json",
  "mesh edges --of users",
  "certs",
  "certs --service users --json",
  "config view 6",
  "stat shadow",
  "stat shadow --json",
  "stat shadow --route orders",
];

/** Of files, without a system. */
export const FILE_LINES: readonly GoldenLine[] = [
  ...plain("init @api -y", "init @api", "check @selvage.yaml", "check @wrong.yaml", "check @wrong.yaml -o short"),
  ...plain("test @selvage.test.yaml", "test @wrong.test.yaml", "test @selvage.test.yaml --json"),
  ...plain("explain GET /v1/orders/7 --file @selvage.yaml", "explain GET /old/1 --file @selvage.yaml"),
  ...plain("contract @selvage.yaml", "build @selvage.yaml --out @built"),
  ...plain("import arazzo @look.arazzo.yaml --source shop=@openapi.yaml --service shop=orders"),
  ...plain("join test @look.arazzo.yaml --file @selvage.yaml", "diff @selvage.yaml", "status", "logs", "help schema"),
  ...["plan @selvage.yaml", "schema", "completion bash", "completion zsh", "completion fish"].map((line) => ({
    ...{ line, head: 24 },
  })),
];

/** On one system, in this order. Before an agent has joined. */
export const FIRST_LINES: readonly GoldenLine[] = [
  ...plain("renew", "mesh status", "join keys", "mesh join orders", "join-token orders --json"),
  ...plain("ca status", "ca export-roots", "ca csr", "ca import @selvage.yaml", "ca abort"),
  ...plain("ca rotate-issuer --no-wait", "ca rotate-root --no-wait"),
  ...plain("federation list", "federation show partner.example", "federation refresh"),
];

/** With an agent `orders/orders-1`. */
export const MESH_LINES: readonly GoldenLine[] = [
  { line: "join keys --json", tells: ["ENROLLED", /"id": "([\w-]+)"/] },
  ...plain("join forget {ENROLLED}", "mesh status --json", "mesh config orders-1", "mesh edges", "certs", "ca log"),
];

/** After requests to both routes. */
export const EDGE_LINES: readonly GoldenLine[] = [
  { line: "keys create --owner partner-7 --plan gold", tells: ["KEY", /\b([0-9a-f]{16})\b/] },
  ...plain(
    "keys list --owner partner-7",
    "keys update {KEY} --name ci",
    "keys roll {KEY} --overlap 1h",
    "keys revoke {KEY}",
  ),
  ...plain("keys import @keys.jsonl"),
  ...plain(
    "status",
    "stat routes --window 1h",
    "stat --export ndjson --route old",
    "top --once",
    "deprecated",
    "drift",
  ),
  ...plain("tap --route api --for 100ms", "explain GET /v1/orders/7", "routes", "check --live @selvage.yaml", "doctor"),
  ...plain("purge --tag old", "purge --all --json", "rotate signing-key", "rotate hop-key --json"),
  { line: "token --role viewer --sub ci", tells: ["TOKEN", /--revoke ([\w-]+)/] },
  ...plain("token --list", "token --revoke {TOKEN}"),
  { line: "revoke --sub alice --issuer https://login.example.com/ --reason gone", tells: ["REVOKED", /^(\S+)$/m] },
  ...plain("revoke --list", "revoke --undo {REVOKED}"),
];

/** Other versions of the document. */
export const VERSION_LINES: readonly GoldenLine[] = [
  ...plain("secret list", "secret check", "config view", "diff @changed.yaml", "diff @wrong.yaml"),
  ...plain("apply @changed.yaml --dry-run", "apply @wrong.yaml", "apply @changed.yaml --wait --reason faster"),
  ...plain("history", "history 2", "diff --from 1 --to 2", "rollback 1 --wait"),
  ...plain("canary status", "apply @changed.yaml --canary 10%", "canary set 50%", "canary promote", "canary abort"),
  ...plain("audit --limit 4", "audit --ndjson --act token-revoke", "audit --verify", "mesh drain orders-1"),
];
