/** Issuers of workload tokens that many use: where they are, and what tells one of their customers from all others. */

export interface JoinPreset {
  /** Absent: the document says it, for everybody has another. */
  readonly issuer?: string;
  /** Claims that say whose workload it is: a rule needs one of them, without `*` up to its first `/` or `:`. */
  readonly owners: readonly string[];
  /** Prefixes that say nothing of whose it is, such as the word before the name. */
  readonly prefixes?: Readonly<Record<string, string>>;
  /** Anybody can get a token of this issuer with any audience. */
  readonly isPublic: boolean;
  /** What a rule should say. */
  readonly example: string;
}

export const joinPresets = {
  kubernetes: {
    owners: ["sub", "kubernetes.io.namespace"],
    prefixes: { sub: "system:serviceaccount:" },
    isPublic: false,
    example: "sub: system:serviceaccount:shop:orders",
  },
  github: {
    issuer: "https://token.actions.githubusercontent.com",
    owners: ["repository", "repository_id", "repository_owner", "repository_owner_id", "sub"],
    prefixes: { sub: "repo:" },
    isPublic: true,
    example: "repository: shop/orders",
  },
  gitlab: {
    issuer: "https://gitlab.com",
    owners: ["project_path", "project_id", "namespace_path", "namespace_id", "sub"],
    prefixes: { sub: "project_path:" },
    isPublic: true,
    example: "project_path: shop/orders",
  },
  aws: {
    owners: ["sub", "https://sts.amazonaws.com/.aws_account"],
    prefixes: { sub: "arn:aws:iam::" },
    isPublic: false,
    example: "sub: arn:aws:iam::123456789012:role/orders",
  },
  gcp: {
    issuer: "https://accounts.google.com",
    owners: ["google.compute_engine.project_id", "google.compute_engine.project_number", "email", "sub"],
    isPublic: true,
    example: "google.compute_engine.project_id: shop-production",
  },
  azure: {
    owners: ["sub", "oid", "appid", "azp", "xms_mirid"],
    prefixes: { xms_mirid: "/subscriptions/" },
    isPublic: false,
    example: "oid: 11111111-2222-3333-4444-555555555555",
  },
} as const satisfies Record<string, JoinPreset>;

export type JoinPresetName = keyof typeof joinPresets;
export const joinPresetNames = Object.keys(joinPresets) as JoinPresetName[];

/** @param issuer as the document says it; a well-known one is what it is without the preset's name, too */
export function presetOf(name: string | undefined, issuer: string | undefined): JoinPreset | undefined {
  const presets: Readonly<Record<string, JoinPreset>> = joinPresets;
  if (name !== undefined) return Object.hasOwn(presets, name) ? presets[name] : undefined;
  return Object.values(presets).find((preset) => preset.issuer !== undefined && preset.issuer === issuer);
}
