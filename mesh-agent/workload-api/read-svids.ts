/** `X509SVIDResponse` of the SPIFFE Workload API (workloadapi.proto) as somebody else sends it. */

/** One SVID as it was given: nothing of it is checked yet. */
export interface GivenSvid {
  readonly spiffeId: string;
  /** DER one after the other, the leaf first. */
  readonly certificates: Buffer;
  /** PKCS#8, DER. */
  readonly key: Buffer;
  /** DER of the roots of its trust domain, one after the other. */
  readonly bundle: Buffer;
  /** Empty: none. */
  readonly hint: string;
}

export interface GivenSvids {
  readonly svids: readonly GivenSvid[];
  /** DER of roots by the name of another trust domain, or its SPIFFE ID. */
  readonly federated: readonly (readonly [trustDomain: string, roots: Buffer])[];
}

type Fields = ReadonlyMap<number, readonly Buffer[]>;

/** Wire types of protobuf. */
const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;
const FIXED32 = 5;

/** @throws RangeError for what is no such message */
export function readSvids(message: Buffer): GivenSvids {
  const fields = fieldsOf(message);
  const svids = all(fields, 1).map((octets) => {
    const svid = fieldsOf(octets);
    return {
      spiffeId: last(svid, 1).toString(),
      certificates: last(svid, 2),
      key: last(svid, 3),
      bundle: last(svid, 4),
      hint: last(svid, 5).toString(),
    };
  });
  const federated = all(fields, 3).map((octets) => {
    const entry = fieldsOf(octets);
    return [last(entry, 1).toString(), last(entry, 2)] as const;
  });
  return { svids, federated };
}

const all = (fields: Fields, number: number): readonly Buffer[] => fields.get(number) ?? [];

/** Of a field that is given twice the last one counts. */
const last = (fields: Fields, number: number): Buffer => all(fields, number).at(-1) ?? Buffer.alloc(0);

/** Fields that have a length, by their numbers; others are of newer messages and passed over. */
function fieldsOf(message: Buffer): Fields {
  const found = new Map<number, Buffer[]>();
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; factor <= 0x80 ** 9; factor *= 0x80) {
      const octet = message.readUInt8(at++);
      value += (octet & 0x7f) * factor;
      if (octet < 0x80) return value;
    }
    throw new RangeError("a number of more than ten octets");
  };
  while (at < message.length) {
    const tag = varint();
    const [number, type] = [Math.floor(tag / 8), tag % 8];
    if (type === VARINT) varint();
    else if (type === FIXED64 || type === FIXED32) at += type === FIXED64 ? 8 : 4;
    else if (type === LENGTH) {
      const end = varint() + at;
      if (end > message.length) throw new RangeError("a field that is cut off");
      const values = found.get(number) ?? [];
      values.push(message.subarray(at, end));
      found.set(number, values);
      at = end;
    } else throw new RangeError(`a field of the unknown type ${type}`);
    if (at > message.length) throw new RangeError("a field that is cut off");
  }
  return found;
}
