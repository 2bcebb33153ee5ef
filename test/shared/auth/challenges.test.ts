import { expect, test } from "vitest";
import { distinctChallenges } from "../../../shared/auth/challenges.ts";

const bearer = 'Bearer realm="a"';
const dpop = 'DPoP realm="a", algs="ES256"';
const error = (challenge: string, what: string): string => `${challenge}, error="${what}"`;
const scope = (challenge: string): string => `${error(challenge, "insufficient_scope")}, scope="a b"`;

test.each<[string, string[], string[]]>([
  ["nothing", [], []],
  ["the same twice", [bearer, bearer], [bearer]],
  ["one with an error", [bearer, error(bearer, "invalid_token")], [error(bearer, "invalid_token")]],
  ["in any order", [error(bearer, "invalid_token"), bearer], [error(bearer, "invalid_token")]],
  ["a scope that is missing", [error(bearer, "invalid_token"), scope(bearer), bearer], [scope(bearer)]],
  [
    "schemes in the order of the route",
    [dpop, error(bearer, "invalid_token"), dpop],
    [dpop, error(bearer, "invalid_token")],
  ],
  ["a proof", [error(dpop, "invalid_token"), error(dpop, "invalid_dpop_proof")], [error(dpop, "invalid_dpop_proof")]],
  ["a nonce", [error(dpop, "use_dpop_nonce"), error(dpop, "invalid_dpop_proof")], [error(dpop, "use_dpop_nonce")]],
  [
    "other places",
    ['ApiKey realm="a", name="x"', 'ApiKey realm="a", name="y"'],
    ['ApiKey realm="a", name="x"', 'ApiKey realm="a", name="y"'],
  ],
  ["a name that is longer", [bearer, 'Bearer realm="a", x="y"'], [bearer, 'Bearer realm="a", x="y"']],
])("%s", (_, given, expected) => {
  expect(distinctChallenges(given)).toEqual(expected);
});
