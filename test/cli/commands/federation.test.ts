/** `selvage federation`: what it says of itself, and of trust domains. */
import { expect, test } from "vitest";
import { federationCommand, listText, partnerText } from "../../../cli/commands/federation.ts";
import type { PartnerStatus } from "../../../shared/wire/federation.ts";

test("its help", () => {
  let text = "";
  const command = federationCommand();
  command.configureOutput({ writeOut: (written) => (text += written), getOutHelpWidth: () => 100 });
  command.outputHelp();
  expect(text).toMatchInlineSnapshot(`
    "Usage: federation [options] [command]

    Other trust domains that are believed, and an outside issuer of the own one: the bundles of both.

    Options:
      -h, --help                     display help for command

    Commands:
      list [options]                 Each trust domain, and how fresh its bundle is.
      show [options] <trust-domain>  One of them: its roots, and why there are no newer ones.
      refresh [options]              Fetch all bundles now, and say what came of it.
      help [command]                 display help for command

    Examples:
      selvage federation list
      selvage federation show partner.example --pem > roots.pem
      selvage federation refresh                after a partner has changed its roots

    Exit code 1: a bundle is not to be had, or holds no root.
    "
  `);
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
  expect(listText({ partners: [partner, bank, issuer], alarms }, NOW)).toMatchInlineSnapshot(`
    "TRUST DOMAIN     IS A            ROOTS  FETCHED    NEXT      STATE
    partner.example  partner         2      1 min ago  in 4 min  good
    bank.example     partner         2      1 min ago  in 4 min  failing
    shop.internal    outside issuer  0      never      now       awaited

    alarm: the bundle is away"
  `);
  expect(listText({ partners: [], alarms: [] }, NOW)).toContain("names no other trust domain");
});

test("one is shown with why there is nothing newer", () => {
  expect(partnerText({ ...issuer, failure }, NOW)).toMatchInlineSnapshot(`
    "trust domain    shop.internal
    names services  spiffe://shop.internal/ns/prod/sa/{service}
    bundle          https://spire.shop.internal/
    sequence        none
    fetched         never
    next            now
    failing         for 1 h: it answered with status 503

    no root: nobody of it is believed"
  `);
});
