/** Claims of workload tokens as the platforms document them: what a real token says beside `iss`, `aud` and its times. */

/** A projected service account token (Kubernetes 1.30 and later say `jti` and the node). */
export const kubernetesClaims = {
  "kubernetes.io": {
    namespace: "shop",
    node: { name: "worker-1", uid: "517eb86e-b863-451b-bf70-86cb61439a3a" },
    pod: { name: "orders-6d4f7c9b7-x2x5z", uid: "0d8b260e-ef0e-45fb-be8e-ff44f97722e8" },
    serviceaccount: { name: "orders", uid: "e6a8680e-d103-4cce-80ea-03acbbeacf7d" },
  },
  jti: "e51f1fbc-4733-4b85-a59f-ba80c0523874",
  sub: "system:serviceaccount:shop:orders",
};

/** GitHub Actions, a job of an environment. */
export const githubClaims = {
  actor: "octocat",
  actor_id: "1001",
  base_ref: "",
  environment: "production",
  event_name: "workflow_dispatch",
  head_ref: "",
  job_workflow_ref: "shop/orders/.github/workflows/deploy.yml@refs/heads/main",
  jti: "6f4762ed-0758-4ccb-808d-ee3af5d723a8",
  ref: "refs/heads/main",
  ref_protected: "true",
  ref_type: "branch",
  repository: "shop/orders",
  repository_id: "424242",
  repository_owner: "shop",
  repository_owner_id: "2020",
  repository_visibility: "private",
  run_attempt: "1",
  run_id: "22259804324",
  runner_environment: "github-hosted",
  sha: "c040cae0f0dc81641728557b80f09cfa23b83fe5",
  sub: "repo:shop/orders:environment:production",
  workflow: "deploy",
};

/** GitLab CI `id_tokens`. */
export const gitlabClaims = {
  ci_config_ref_uri: "gitlab.com/shop/orders//.gitlab-ci.yml@refs/heads/main",
  environment: "production",
  environment_protected: "true",
  groups_direct: ["shop", "shop/backend"],
  job_id: "8222997048",
  jti: "235b3a54-b797-45c7-ae9a-f72d7bc6ef5b",
  namespace_id: "72",
  namespace_path: "shop",
  pipeline_id: "1519139981",
  pipeline_source: "push",
  project_id: "20",
  project_path: "shop/orders",
  ref: "main",
  ref_path: "refs/heads/main",
  ref_protected: "true",
  ref_type: "branch",
  runner_id: 12270835,
  sub: "project_path:shop/orders:ref_type:branch:ref:main",
  user_login: "octocat",
};

/** AWS, outbound identity federation (`sts:GetWebIdentityToken`). */
export const awsClaims = {
  "https://sts.amazonaws.com/": {
    aws_account: "123456789012",
    org_id: "o-abc1234567",
    principal_id: "arn:aws:iam::123456789012:role/orders",
    source_region: "eu-central-1",
    principal_tags: { team: "shop" },
  },
  jti: "a1b2c3d4-e5f6-7890-abcd-ef1234567890",
  sub: "arn:aws:iam::123456789012:role/orders",
};

/** Google Compute Engine, an instance identity token of format `full`. */
export const gcpClaims = {
  azp: "107517467455664443765",
  email: "orders@shop-production.iam.gserviceaccount.com",
  email_verified: true,
  google: {
    compute_engine: {
      instance_creation_timestamp: 1496953245,
      instance_id: "152986662232938449",
      instance_name: "orders-1",
      project_id: "shop-production",
      project_number: 739419398126,
      zone: "europe-west3-a",
    },
  },
  sub: "107517467455664443765",
};

/** Azure, a managed identity's token of version 1.0. */
export const azureClaims = {
  aio: "E2NgYPj/PyLJ",
  appid: "f7b1a61c-0000-4fd6-8f4d-1c9f1d1b8f10",
  appidacr: "2",
  idp: "https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/",
  idtyp: "app",
  oid: "11111111-2222-3333-4444-555555555555",
  sub: "11111111-2222-3333-4444-555555555555",
  tid: "72f988bf-86f1-41af-91ab-2d7cd011db47",
  uti: "zvKAaz-BSkqyMEB1dNUyAA",
  ver: "1.0",
  xms_mirid:
    "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourcegroups/shop/providers/Microsoft.Compute/virtualMachines/orders-1",
};
