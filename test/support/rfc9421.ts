/** Keys, messages and signatures of RFC 9421: section 2.4, section 4.3 and appendix B. */

type Fields = readonly (readonly [name: string, value: string])[];

export interface Message {
  readonly method: string;
  readonly url: string;
  readonly fields: Fields;
  readonly answer?: { readonly status: number; readonly fields: Fields };
}

export interface Vector {
  readonly section: string;
  readonly label: string;
  readonly message: Message;
  readonly key: keyof typeof keys | "test-shared-secret";
  readonly alg: string;
  readonly input: string;
  readonly signature: string;
  /** Without its last line, which is the input. */
  readonly base: readonly string[];
}

/** Appendix B.1, their public parts. */
export const keys = {
  "test-key-rsa": {
    kty: "RSA",
    kid: "test-key-rsa",
    n: "hAKYdtoeoy8zcAcR874L8cnZxKzAGwd7v36APp7Pv6Q2jdsPBRrwWEBnez6d0UDKDwGbc6nxfEXAy5mbhgajzrw3MOEt8uA5txSKobBpKDeBLOsdJKFqMGmXCQvEG7YemcxDTRPxAleIAgYYRjTSd_QBwVW9OwNFhekro3RtlinV0a75jfZgkne_YiktSvLG34lw2zqXBDTC5NHROUqGTlML4PlNZS5Ri2U4aCNx2rUPRcKIlE0PuKxI4T-HIaFpv8-rdV6eUgOrB2xeI1dSFFn_nnv5OoZJEIB-VmuKn3DCUcCZSFlQPSXSfBDiUGhwOw76WuSSsf1D4b_vLoJ10w",
    e: "AQAB",
  },
  "test-key-rsa-pss": {
    kty: "RSA",
    kid: "test-key-rsa-pss",
    n: "r4tmm3r20Wd_PbqvP1s2-QEtvpuRaV8Yq40gjUR8y2Rjxa6dpG2GXHbPfvMs8ct-Lh1GH45x28Rw3Ry53mm-oAXjyQ86OnDkZ5N8lYbggD4O3w6M6pAvLkhk95AndTrifbIFPNU8PPMO7OyrFAHqgDsznjPFmTOtCEcN2Z1FpWgchwuYLPL-Wokqltd11nqqzi-bJ9cvSKADYdUAAN5WUtzdpiy6LbTgSxP7ociU4Tn0g5I6aDZJ7A8Lzo0KSyZYoA485mqcO0GVAdVw9lq4aOT9v6d-nb4bnNkQVklLQ3fVAvJm-xdDOp9LCNCN48V2pnDOkFV6-U9nV5oyc6XI2w",
    e: "AQAB",
  },
  "test-key-ecc-p256": {
    kty: "EC",
    kid: "test-key-ecc-p256",
    crv: "P-256",
    x: "qIVYZVLCrPZHGHjP17CTW0_-D9Lfw0EkjqF7xB4FivA",
    y: "Mc4nN9LTDOBhfoUeg8Ye9WedFRhnZXZJA12Qp0zZ6F0",
  },
  "test-key-ed25519": {
    kty: "OKP",
    kid: "test-key-ed25519",
    crv: "Ed25519",
    x: "JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs",
  },
} as const;

/** Appendix B.1.5: 64 bytes in base64. */
export const sharedSecret = "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==";

const requestDigest =
  "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:";
const answerDigest =
  "sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:";
const errorDigest =
  "sha-512=:0Y6iCBzGg5rZtoXS95Ijz03mslf6KAMCloESHObfwnHJDbkkWWQz6PhhU9kxsTbARtY2PTBOzq24uJFpHsMuAg==:";
const certificate =
  ":MIIBqDCCAU6gAwIBAgIBBzAKBggqhkjOPQQDAjA6MRswGQYDVQQKDBJMZXQncyBBdXRoZW50aWNhdGUxGzAZBgNVBAMMEkxBIEludGVybWVkaWF0ZSBDQTAeFw0yMDAxMTQyMjU1MzNaFw0yMTAxMjMyMjU1MzNaMA0xCzAJBgNVBAMMAkJDMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8YnXXfaUgmnMtOXU/IncWalRhebrXmckC8vdgJ1p5Be5F/3YC8OthxM4+k1M6aEAEFcGzkJiNy6J84y7uzo9M6NyMHAwCQYDVR0TBAIwADAfBgNVHSMEGDAWgBRm3WjLa38lbEYCuiCPct0ZaSED2DAOBgNVHQ8BAf8EBAMCBsAwEwYDVR0lBAwwCgYIKwYBBQUHAwIwHQYDVR0RAQH/BBMwEYEPYmRjQGV4YW1wbGUuY29tMAoGCCqGSM49BAMCA0gAMEUCIBHda/r1vaL6G3VliL4/Di6YK0Q6bMjeSkC3dFCOOB8TAiEAx/kHSB4urmiZ0NX5r5XarmPk0wmuydBVoU4hBVZ1yhk=:";

/** Content of `request`. */
export const requestContent = '{"hello": "world"}';

/** Appendix B.2. */
export const request: Message = {
  method: "POST",
  url: "https://example.com/foo?param=Value&Pet=dog",
  fields: [
    ["date", "Tue, 20 Apr 2021 02:07:55 GMT"],
    ["content-type", "application/json"],
    ["content-digest", requestDigest],
    ["content-length", "18"],
  ],
};

const answered: Message = {
  ...request,
  answer: {
    status: 200,
    fields: [
      ["date", "Tue, 20 Apr 2021 02:07:56 GMT"],
      ["content-type", "application/json"],
      ["content-digest", answerDigest],
      ["content-length", "23"],
    ],
  },
};

const refused: Message = {
  ...request,
  answer: {
    status: 503,
    fields: [
      ["date", "Tue, 20 Apr 2021 02:07:56 GMT"],
      ["content-type", "application/json"],
      ["content-length", "62"],
      ["content-digest", errorDigest],
    ],
  },
};

/** Appendix B.3. */
const terminated: Message = {
  method: "POST",
  url: "https://service.internal.example/foo?param=Value&Pet=dog",
  fields: [
    ["date", "Tue, 20 Apr 2021 02:07:55 GMT"],
    ["content-type", "application/json"],
    ["content-length", "18"],
    ["client-cert", certificate],
  ],
};

/** Section 4.3. */
const proxied: Message = {
  method: "POST",
  url: "https://origin.host.internal.example/foo?param=Value&Pet=dog",
  fields: [
    ["date", "Tue, 20 Apr 2021 02:07:56 GMT"],
    ["content-type", "application/json"],
    ["content-length", "18"],
    ["forwarded", "for=192.0.2.123;host=example.com;proto=https"],
    ["content-digest", requestDigest],
  ],
};

const demoUrl = "https://example.org/demo?name1=Value1&Name2=value2";
const demoDate = ["date", "Fri, 15 Jul 2022 14:24:55 GMT"] as const;
const accepts = [["accept", "application/json"] as const, ["accept", "*/*"] as const];

/** Appendix B.4: the request that was signed, what may become of it on the way, and what may not. */
export const transformed: {
  readonly original: Message;
  readonly good: readonly Message[];
  readonly bad: readonly Message[];
} = {
  original: { method: "GET", url: demoUrl, fields: [demoDate, ...accepts] },
  good: [
    {
      method: "GET",
      url: `${demoUrl}&param=added`,
      fields: [demoDate, ...accepts, ["accept-language", "en-US,en;q=0.5"]],
    },
    {
      method: "GET",
      url: demoUrl,
      fields: [
        ["referer", "https://developer.example.org/demo"],
        ["accept", "application/json, */*"],
      ],
    },
    { method: "GET", url: demoUrl, fields: [...accepts, demoDate] },
  ],
  bad: [
    { method: "POST", url: demoUrl.replace(".org", ".com"), fields: [demoDate, ...accepts] },
    { method: "GET", url: demoUrl, fields: [demoDate, ...accepts.toReversed()] },
  ],
};

export const vectors: readonly Vector[] = [
  {
    section: "B.2.1",
    label: "sig-b21",
    message: request,
    key: "test-key-rsa-pss",
    alg: "rsa-pss-sha512",
    input: '();created=1618884473;keyid="test-key-rsa-pss";nonce="b3k2pp5k7z-50gnwp.yemd"',
    signature:
      "d2pmTvmbncD3xQm8E9ZV2828BjQWGgiwAaw5bAkgibUopemLJcWDy/lkbbHAve4cRAtx31Iq786U7it++wgGxbtRxf8Udx7zFZsckzXaJMkA7ChG52eSkFxykJeNqsrWH5S+oxNFlD4dzVuwe8DhTSja8xxbR/Z2cOGdCbzR72rgFWhzx2VjBqJzsPLMIQKhO4DGezXehhWwE56YCE+O6c0mKZsfxVrogUvA4HELjVKWmAvtl6UnCh8jYzuVG5WSb/QEVPnP5TmcAnLH1g+s++v6d4s8m0gCw1fV5/SITLq9mhho8K3+7EPYTU8IU1bLhdxO5Nyt8C8ssinQ98Xw9Q==",
    base: [],
  },
  {
    section: "B.2.2",
    label: "sig-b22",
    message: request,
    key: "test-key-rsa-pss",
    alg: "rsa-pss-sha512",
    input:
      '("@authority" "content-digest" "@query-param";name="Pet");created=1618884473;keyid="test-key-rsa-pss";tag="header-example"',
    signature:
      "LjbtqUbfmvjj5C5kr1Ugj4PmLYvx9wVjZvD9GsTT4F7GrcQEdJzgI9qHxICagShLRiLMlAJjtq6N4CDfKtjvuJyE5qH7KT8UCMkSowOB4+ECxCmT8rtAmj/0PIXxi0A0nxKyB09RNrCQibbUjsLS/2YyFYXEu4TRJQzRw1rLEuEfY17SARYhpTlaqwZVtR8NV7+4UKkjqpcAoFqWFQh62s7Cl+H2fjBSpqfZUJcsIk4N6wiKYd4je2U/lankenQ99PZfB4jY3I5rSV2DSBVkSFsURIjYErOs0tFTQosMTAoxk//0RoKUqiYY8Bh0aaUEb0rQl3/XaVe4bXTugEjHSw==",
    base: ['"@authority": example.com', `"content-digest": ${requestDigest}`, '"@query-param";name="Pet": dog'],
  },
  {
    section: "B.2.3",
    label: "sig-b23",
    message: request,
    key: "test-key-rsa-pss",
    alg: "rsa-pss-sha512",
    input:
      '("date" "@method" "@path" "@query" "@authority" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-rsa-pss"',
    signature:
      "bbN8oArOxYoyylQQUU6QYwrTuaxLwjAC9fbY2F6SVWvh0yBiMIRGOnMYwZ/5MR6fb0Kh1rIRASVxFkeGt683+qRpRRU5p2voTp768ZrCUb38K0fUxN0O0iC59DzYx8DFll5GmydPxSmme9v6ULbMFkl+V5B1TP/yPViV7KsLNmvKiLJH1pFkh/aYA2HXXZzNBXmIkoQoLd7YfW91kE9o/CCoC1xMy7JA1ipwvKvfrs65ldmlu9bpG6A9BmzhuzF8Eim5f8ui9eH8LZH896+QIF61ka39VBrohr9iyMUJpvRX2Zbhl5ZJzSRxpJyoEZAFL2FUo5fTIztsDZKEgM4cUA==",
    base: [
      '"date": Tue, 20 Apr 2021 02:07:55 GMT',
      '"@method": POST',
      '"@path": /foo',
      '"@query": ?param=Value&Pet=dog',
      '"@authority": example.com',
      '"content-type": application/json',
      `"content-digest": ${requestDigest}`,
      '"content-length": 18',
    ],
  },
  {
    section: "B.2.4",
    label: "sig-b24",
    message: answered,
    key: "test-key-ecc-p256",
    alg: "ecdsa-p256-sha256",
    input: '("@status" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-ecc-p256"',
    signature: "wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw==",
    base: [
      '"@status": 200',
      '"content-type": application/json',
      `"content-digest": ${answerDigest}`,
      '"content-length": 23',
    ],
  },
  {
    section: "B.2.5",
    label: "sig-b25",
    message: request,
    key: "test-shared-secret",
    alg: "hmac-sha256",
    input: '("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"',
    signature: "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=",
    base: ['"date": Tue, 20 Apr 2021 02:07:55 GMT', '"@authority": example.com', '"content-type": application/json'],
  },
  {
    section: "B.2.6",
    label: "sig-b26",
    message: request,
    key: "test-key-ed25519",
    alg: "ed25519",
    input:
      '("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"',
    signature: "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==",
    base: [
      '"date": Tue, 20 Apr 2021 02:07:55 GMT',
      '"@method": POST',
      '"@path": /foo',
      '"@authority": example.com',
      '"content-type": application/json',
      '"content-length": 18',
    ],
  },
  {
    section: "B.3",
    label: "ttrp",
    message: terminated,
    key: "test-key-ecc-p256",
    alg: "ecdsa-p256-sha256",
    input: '("@path" "@query" "@method" "@authority" "client-cert");created=1618884473;keyid="test-key-ecc-p256"',
    signature: "xVMHVpawaAC/0SbHrKRs9i8I3eOs5RtTMGCWXm/9nvZzoHsIg6Mce9315T6xoklyy0yzhD9ah4JHRwMLOgmizw==",
    base: [
      '"@path": /foo',
      '"@query": ?param=Value&Pet=dog',
      '"@method": POST',
      '"@authority": service.internal.example',
      `"client-cert": ${certificate}`,
    ],
  },
  {
    section: "B.4",
    label: "transform",
    message: transformed.original,
    key: "test-key-ed25519",
    alg: "ed25519",
    input: '("@method" "@path" "@authority" "accept");created=1618884473;keyid="test-key-ed25519"',
    signature: "ZT1kooQsEHpZ0I1IjCqtQppOmIqlJPeo7DHR3SoMn0s5JZ1eRGS0A+vyYP9t/LXlh5QMFFQ6cpLt2m0pmj3NDA==",
    base: ['"@method": GET', '"@path": /demo', '"@authority": example.org', '"accept": application/json, */*'],
  },
  {
    section: "2.4",
    label: "reqres",
    message: refused,
    key: "test-key-ecc-p256",
    alg: "ecdsa-p256-sha256",
    input:
      '("@status" "content-digest" "content-type" "@authority";req "@method";req "@path";req "content-digest";req);created=1618884479;keyid="test-key-ecc-p256"',
    signature: "dMT/A/76ehrdBTD/2Xx8QuKV6FoyzEP/I9hdzKN8LQJLNgzU4W767HK05rx1i8meNQQgQPgQp8wq2ive3tV5Ag==",
    base: [
      '"@status": 503',
      `"content-digest": ${errorDigest}`,
      '"content-type": application/json',
      '"@authority";req: example.com',
      '"@method";req: POST',
      '"@path";req: /foo',
      `"content-digest";req: ${requestDigest}`,
    ],
  },
  {
    section: "4.3, by the client",
    label: "sig1",
    message: request,
    key: "test-key-ecc-p256",
    alg: "ecdsa-p256-sha256",
    input:
      '("@method" "@authority" "@path" "content-digest" "content-type" "content-length");created=1618884475;keyid="test-key-ecc-p256"',
    signature: "X5spyd6CFnAG5QnDyHfqoSNICd+BUP4LYMz2Q0JXlb//4Ijpzp+kve2w4NIyqeAuM7jTDX+sNalzA8ESSaHD3A==",
    base: [
      '"@method": POST',
      '"@authority": example.com',
      '"@path": /foo',
      `"content-digest": ${requestDigest}`,
      '"content-type": application/json',
      '"content-length": 18',
    ],
  },
  {
    section: "4.3, by the proxy",
    label: "proxy_sig",
    message: proxied,
    key: "test-key-rsa",
    alg: "rsa-v1_5-sha256",
    input:
      '("@method" "@authority" "@path" "content-digest" "content-type" "content-length" "forwarded");created=1618884480;keyid="test-key-rsa";alg="rsa-v1_5-sha256";expires=1618884540',
    signature:
      "S6ZzPXSdAMOPjN/6KXfXWNO/f7V6cHm7BXYUh3YD/fRad4BCaRZxP+JH+8XY1I6+8Cy+CM5g92iHgxtRPz+MjniOaYmdkDcnL9cCpXJleXsOckpURl49GwiyUpZ10KHgOEe11sx3G2gxI8S0jnxQB+Pu68U9vVcasqOWAEObtNKKZd8tSFu7LB5YAv0RAGhB8tmpv7sFnIm9y+7X5kXQfi8NMaZaA8i2ZHwpBdg7a6CMfwnnrtflzvZdXAsD3LH2TwevU+/PBPv0B6NMNk93wUs/vfJvye+YuI87HU38lZHowtznbLVdp770I6VHR6WfgS9ddzirrswsE1w5o0LV/g==",
    base: [
      '"@method": POST',
      '"@authority": origin.host.internal.example',
      '"@path": /foo',
      `"content-digest": ${requestDigest}`,
      '"content-type": application/json',
      '"content-length": 18',
      '"forwarded": for=192.0.2.123;host=example.com;proto=https',
    ],
  },
];
