/**
 * Roots of several trust domains side by side, each good for its own alone. TLS libraries know one set of roots, by which any of
 * them could vouch for anybody; so each is put there with name constraints (RFC 5280 section 4.2.1.10) on its own trust domain.
 * Such a copy names itself as its issuer, since a bundle may also hold an authority that another one has signed (X509-SVID section
 * 6.1) and Node takes none for a root that does not. Its signature is that of the original and does not fit: of a root that is
 * believed nobody looks at it.
 */
import { X509Certificate } from "node:crypto";
import { der, type Element, EXTENSIONS, elements, inside, SEQUENCE } from "./der.ts";

const OID = 0x06;
const BOOLEAN = 0x01;
const OCTET_STRING = 0x04;
/** permittedSubtrees [0], and the GeneralName uniformResourceIdentifier [6]. */
const PERMITTED = 0xa0;
const URI = 0x86;
/** 2.5.29.30 and 2.5.29.35 */
const NAME_CONSTRAINTS = Buffer.from("551d1e", "hex");
const AUTHORITY_KEY = Buffer.from("551d23", "hex");
const CRITICAL = der(BOOLEAN, Buffer.of(0xff));

/**
 * A root that vouches for the URIs of one trust domain alone, whatever it is good for by itself.
 * @param pem of a certificate of version 3
 * @throws where it is no authority, or its encoding is broken
 */
export function constrainedRoot(pem: string, trustDomain: string): string {
  const { raw, ca } = new X509Certificate(pem);
  if (!ca) throw new RangeError("a root that is no authority");
  const [certificate] = elements(raw, 0, raw.length);
  const [tbs, ...signature] = inside(raw, certificate, SEQUENCE);
  const fields = inside(raw, tbs, SEQUENCE);
  const wrapper = fields.find(({ tag }) => tag === EXTENSIONS);
  const [list] = inside(raw, wrapper, EXTENSIONS);
  const all = inside(raw, list, SEQUENCE);
  const own = all.find((extension) => isOf(raw, extension, NAME_CONSTRAINTS));
  const kept = all.filter((extension) => extension !== own && !isOf(raw, extension, AUTHORITY_KEY));
  const constraints = der(
    SEQUENCE,
    der(OID, NAME_CONSTRAINTS),
    CRITICAL,
    der(OCTET_STRING, narrowed(raw, own, trustDomain)),
  );
  const extensions = der(SEQUENCE, ...kept.map((one) => encoded(raw, one)), constraints);
  const [version, serial, algorithm, , validity, subject, ...rest] = fields.filter(({ tag }) => tag !== EXTENSIONS);
  if (version === undefined || subject === undefined) throw new RangeError("DER structure");
  const others = [version, serial, algorithm, subject, validity, subject, ...rest].map((one) => encoded(raw, one));
  const copy = der(
    SEQUENCE,
    der(SEQUENCE, ...others, der(EXTENSIONS, extensions)),
    ...signature.map((one) => encoded(raw, one)),
  );
  return toPem(copy);
}

function isOf(raw: Buffer, extension: Element, wanted: Buffer): boolean {
  const [id] = inside(raw, extension, SEQUENCE);
  return id?.tag === OID && raw.subarray(id.from, id.to).equals(wanted);
}

/** Of what is permitted by itself all but the URIs stays, of what is excluded all. */
function narrowed(raw: Buffer, own: Element | undefined, trustDomain: string): Buffer {
  const ours = der(SEQUENCE, der(URI, Buffer.from(trustDomain)));
  if (own === undefined) return der(SEQUENCE, der(PERMITTED, ours));
  const value = inside(raw, own, SEQUENCE).find(({ tag }) => tag === OCTET_STRING);
  const [constraints] = inside(raw, value, OCTET_STRING);
  const parts = inside(raw, constraints, SEQUENCE);
  const permitted = parts.filter(({ tag }) => tag === PERMITTED).flatMap((part) => inside(raw, part, PERMITTED));
  const others = permitted.filter((subtree) => inside(raw, subtree, SEQUENCE)[0]?.tag !== URI);
  const excluded = parts.filter(({ tag }) => tag !== PERMITTED);
  return der(
    SEQUENCE,
    der(PERMITTED, ours, ...others.map((one) => encoded(raw, one))),
    ...excluded.map((one) => encoded(raw, one)),
  );
}

function encoded(raw: Buffer, element: Element | undefined): Buffer {
  if (element === undefined) throw new RangeError("DER structure");
  return der(element.tag, raw.subarray(element.from, element.to));
}

function toPem(raw: Buffer): string {
  const lines = raw.toString("base64").match(/.{1,64}/g) ?? [];
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
}
