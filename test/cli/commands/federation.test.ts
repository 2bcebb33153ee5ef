/** `selvage federation`: what it says of itself, and of trust domains. */
import { expect, test } from "vitest";
import { federationCommand, listText, partnerText } from "../../../cli/commands/federation.ts";
import type { PartnerStatus } from "../../../shared/wire/federation.ts";

test("its help", () => {
  let text = "";
  const command = federationCommand();
  command.configureOutput({ writeOut: (written) => (text += written), getOutHelpWidth: () => 100 });
  command.outputHelp();
  expect(text).toMatchInlineSnapshot();
});

const NOW = Date.UTC(2026, 0, 2);
const partner: PartnerStatus = {
  ...{ trustDomain: "partner.example", bundle: "https://mesh.partner.example/v1/bundle", roots: ["a", "b"] },
  ...{ sequence: 7, fetchedAtMs: NOW - 60_000, nextAtMs: NOW + 240_000 },
};
const issuer: PartnerStatus = {
  ...{ trustDomain: "shop.internal", bundle: "https://spire.shop.internal/", roots: [], nextAtMs: NOW },
  issues: "spiffe://shop.internal/ns/prod/sa/{service}",
};
const failure = { reason: "it answered with status 503", sinceMs: NOW - 3_600_000 };

test("the list says of each what it is and how fresh", () => {
  const alarms = [{ code: "federation_failed", trustDomain: "bank.example", text: "the bundle is away" }] as const;
  const bank = { ...partner, trustDomain: "bank.example", failure };
  expect(listText({ partners: [partner, bank, issuer], alarms }, NOW)).toMatchInlineSnapshot();
  expect(listText({ partners: [], alarms: [] }, NOW)).toContain("names no other trust domain");
});

test("one is shown with why there is nothing newer", () => {
  expect(partnerText({ ...issuer, failure }, NOW)).toMatchInlineSnapshot();
});
