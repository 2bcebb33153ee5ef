import { describe, expect, test } from "vitest";
import { findFormat } from "../../../shared/contract/formats.ts";
import { violationsOf } from "../../support/schemas.ts";

const cases: Readonly<Record<string, { readonly valid: readonly string[]; readonly invalid: readonly string[] }>> = {
  "date-time": {
    valid: [
      "2026-01-02T03:04:05Z",
      "2026-01-02t03:04:05.123z",
      "1998-12-31T23:59:60Z",
      "1998-12-31T15:59:60.1-08:00",
      "2024-02-29T00:00:00+23:59",
    ],
    invalid: [
      "",
      "2026-01-02",
      "2026-01-02 03:04:05Z",
      "2026-01-02T03:04:05",
      "2026-02-29T00:00:00Z",
      "1998-12-31T23:58:60Z",
      "2026-01-02T24:00:00Z",
      "2026-01-02T00:00:00+24:00",
      "2026-01-0২T00:00:00Z",
      "2026-01-02T03:04:05Z\n",
    ],
  },
  date: {
    valid: ["2026-12-31", "2000-02-29"],
    invalid: [
      "2026-13-01",
      "2026-00-01",
      "2026-01-00",
      "2026-04-31",
      "1900-02-29",
      "26-01-01",
      "2026-1-1",
      "2026-01-01T00:00:00Z",
    ],
  },
  time: {
    valid: ["08:30:06Z", "23:59:60Z", "01:29:60+01:30", "23:29:60+23:30", "08:30:06.283185-01:00"],
    invalid: [
      "08:30:06",
      "24:00:00Z",
      "00:60:00Z",
      "00:00:61Z",
      "22:59:60Z",
      "01:02:03+0100",
      "01:02:03,5Z",
      "012:03:04Z",
    ],
  },
  duration: {
    valid: ["P4DT12H30M5S", "P4Y", "PT0S", "P0D", "P1M", "PT1M", "PT36H", "P1DT12H", "P2W", "P1Y2M3D"],
    invalid: [
      "P",
      "P1",
      "PT",
      "P1D2H",
      "P2D1Y",
      "P1Y2D",
      "PT1H2S",
      "P2WT1H",
      "P1Y2W",
      "PT0.5S",
      "-P1D",
      "P২Y",
      "4DT12H",
    ],
  },
  email: {
    valid: [
      "joe.bloggs@example.com",
      "te~st@example.com",
      "~test@example.com",
      '"joe bloggs"@example.com',
      '"joe@bloggs"@example.com',
      "joe@[127.0.0.1]",
      "joe@[IPv6:::1]",
      "a@b",
    ],
    invalid: [
      "2962",
      "@example.com",
      "a@",
      ".test@example.com",
      "test.@example.com",
      "te..st@example.com",
      "joe@-example.com",
      "joe@[127.0.0.300]",
      `${"a".repeat(65)}@example.com`,
      "a@b@c",
      "a b@example.com",
      "é@example.com",
    ],
  },
  hostname: {
    valid: ["www.example.com", "xn--4gbwdl.xn--wgbh1c", "a", "1host", "h0st-a.example", "a".repeat(63)],
    invalid: [
      "",
      "-bad",
      "bad-",
      "a..b",
      "a.b.",
      "not_valid",
      "é.example",
      "a".repeat(64),
      `${"a".repeat(49)}.`.repeat(6),
      "a b",
    ],
  },
  ipv4: {
    valid: ["192.168.0.1", "0.0.0.0", "255.255.255.255"],
    invalid: [
      "127.0.0.0.1",
      "256.0.0.1",
      "127.0",
      "0x7f000001",
      "2130706433",
      "087.10.0.1",
      "1.2.3.4/24",
      "1২7.0.0.1",
      "1.2.3.4\n",
      "",
    ],
  },
  ipv6: {
    valid: [
      "::1",
      "::",
      "::abef",
      "1::",
      "d6::",
      "1:2:3:4:5:6:7:8",
      "1::d6:192.168.0.1",
      "::ffff:192.168.0.1",
      "::42:ff:1",
      "1:2:3:4:5:6:7::",
      "1:2:3:4:5:6:1.2.3.4",
    ],
    invalid: [
      "12345::",
      "::abcef1",
      "1:1:1:1:1:1:1:1:1",
      "1:2:3:4:5:6:7",
      ":2:3:4:5:6:7:8",
      "1:2:3:4:5:6:7:",
      ":1",
      "1:::2",
      "1::2::3",
      "::laptop",
      "1:2::192.168.256.1",
      "127.0.0.1",
      "1:2:3:4:1.2.3",
      "fe80::a%eth1",
      "fe80::/64",
      " ::1",
      "1:2:3:4:5:6:7::8",
      "1.2.3.4::",
      "",
    ],
  },
  uri: {
    valid: [
      "http://foo.bar/?baz=qux#quux",
      "http://foo.com/blah_(wikipedia)_blah#cite-1",
      "http://a:b@x.y:80/p;q?r#s",
      "ldap://[2001:db8::7]/c=GB?objectClass?one",
      "mailto:John.Doe@example.com",
      "news:comp.infosystems",
      "tel:+1-816-555-1212",
      "urn:oasis:names",
      "a:",
      "http://[v1.x]/",
      "http://1.2.3.4",
      "file:///x",
      "x:?%20",
    ],
    invalid: [
      "",
      "//foo.bar/?baz",
      "/abc",
      "\\\\WINDOWS\\file",
      "abc",
      "http:// shouldfail.com",
      ":// x",
      "bar,baz:qux",
      "http://x/%zz",
      "http://a[b]/",
      "http://x/é",
      "http://x/{a}",
      "http://[::g]/",
      "http://x:8a/",
      "http://x/[",
      "1a:b",
      "http://x/#a#b",
      'http://x/"',
      "http://x/^",
    ],
  },
  "uri-reference": {
    valid: ["", "/abc", "abc", "#frag", "?q", "//h/p", "./a:b", "http://x"],
    invalid: ["\\\\WINDOWS\\file", "#frag\\ment", "1:b", "a b", "//[x]/"],
  },
  "uri-template": {
    valid: ["", "http://x/{term:1}/{term}", "http://x/dictionary", "{+path}/here", "{?a,b*}", "{a.b}"],
    invalid: ["http://x/{term:1}/{term", "{}", "a}", "{a:0}", "{a b}", "<a>"],
  },
  iri: {
    valid: ["http://ƒøø.ßår/?∂éœ=πîx#πîüx", "http://x/"],
    invalid: ["/abc", "âππ", "http:// ƒ", "http://2001:db8::7]"],
  },
  "iri-reference": { valid: ["/âππ", "#ƒräg", ""], invalid: ["\\\\WINDOWS\\filëßåré", "#ƒräg\\mênt"] },
  uuid: {
    valid: [
      "2eb8aa08-aa98-11ea-b4aa-73b441d16380",
      "2EB8AA08-AA98-11EA-B4AA-73B441D16380",
      "00000000-0000-0000-0000-000000000000",
    ],
    invalid: [
      "2eb8aa08aa9811eab4aa73b441d16380",
      "2eb8aa08-aa98-11ea-b4aa-73b441d1638",
      "2eb8-aa08-aa98-11ea-b4aa73b44-1d16380",
      "{2eb8aa08-aa98-11ea-b4aa-73b441d16380}",
      "2eb8aa08-aa98-11ea-b4ga-73b441d16380",
    ],
  },
  "json-pointer": { valid: ["", "/", "/foo//bar/-", "/~0~1", "/a b/😀"], invalid: ["a", "/~", "/~2", "#/a", "0"] },
  "relative-json-pointer": {
    valid: ["0", "1/a", "0#", "12/~1", "0+1/a", "3-0"],
    invalid: ["", "/a", "-1/a", "01", "0##", "+1"],
  },
  regex: { valid: ["", "^(a|b)*$", "(?=a)", "\\p{L}"], invalid: ["(", "^(abc]", "\\a", "[b-a]"] },
  byte: { valid: ["", "QQ==", "QUI=", "QUJD", "a+/9"], invalid: ["Q", "QQ=", "QQ", "Q===", "a-_9", "QU JD"] },
};

describe.each(Object.entries(cases))("%s", (name, { valid, invalid }) => {
  const schema = { format: name };
  test.each(valid)("%j is one", (text) => expect(violationsOf(schema, text, { formats: true })).toEqual([]));
  test.each(invalid)("%j is none", (text) => {
    expect(violationsOf(schema, text, { formats: true })).toMatchObject([
      { keyword: "format", message: `must be of the format ${name}` },
    ]);
    expect(violationsOf(schema, text)).toEqual([]);
  });
});

test("a format is of texts or of numbers; other values have it", () => {
  for (const name of Object.keys(cases))
    for (const value of [1, true, null, [], {}])
      expect(violationsOf({ format: name }, value, { formats: true })).toEqual([]);
  expect(violationsOf({ format: "int32" }, "x", { formats: true })).toEqual([]);
});

test.each(["password", "binary", "float", "double", "idn-email", "idn-hostname", "x", "constructor"])(
  "%s is only told",
  (name) => {
    expect(findFormat(name)).toBeUndefined();
  },
);

test("long texts of every format end soon", () => {
  const parts = [
    "1",
    "a",
    "A",
    ":",
    ".",
    "/",
    "-",
    "@",
    "%41",
    "{a}",
    "P1Y",
    '"',
    "\\",
    "[",
    "~0",
    "(",
    "aaaa",
    ":1",
    "a.",
    "{a,",
  ];
  for (const name of Object.keys(cases))
    for (const part of parts) violationsOf({ format: name }, `${part.repeat(50_000)}\u0000`, { formats: true });
});
