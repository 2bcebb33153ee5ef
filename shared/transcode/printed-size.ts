/**
 * How much JSON a message becomes, found out before any of it is made: an empty message of two bytes prints all of its fields where
 * defaults are printed, and a byte of an enum its name.
 */
import { type DescField, type DescMessage, type Registry, ScalarType } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";

/** How a message may be printed. */
export interface Printed {
  /** Fields that nobody has set are printed, too. */
  readonly defaults: boolean;
  /** For messages in `google.protobuf.Any`. */
  readonly registry: Registry;
  readonly charsMax: number;
}

/** `"": ,` of a member. */
const MEMBER_CHARS = 4;
/** Of a message, whatever it prints: its object takes room while it is made. */
const MESSAGE_CHARS = 64;
/** Of a number of 64 bits, or one with a fraction, in quotes and with its comma. */
const NUMBER_CHARS = 27;
/** As the decoder has it. */
const DEPTH_MAX = 100;
const ANY = "google.protobuf.Any";

/**
 * Counts from above, but for escapes within texts.
 * @throws Error when there is more than `charsMax` of it, or when the bytes are no message
 */
export function checkPrinted(desc: DescMessage, bytes: Uint8Array, printed: Printed): void {
  new Count(printed).message(desc, new BinaryReader(bytes), bytes.byteLength);
}

class Count {
  readonly #printed: Printed;
  #left: number;
  #depth = 0;

  constructor(printed: Printed) {
    this.#printed = printed;
    this.#left = printed.charsMax;
  }

  /** @param end where it ends, if not before with the tag that ends a group */
  message(desc: DescMessage, reader: BinaryReader, end: number): void {
    if (++this.#depth > DEPTH_MAX) throw new Error(`it has more than ${DEPTH_MAX} levels`);
    const { defaultsChars, fields } = sizesOf(desc);
    this.#take(MESSAGE_CHARS + (this.#printed.defaults ? defaultsChars : 0));
    if (desc.typeName === ANY) this.#any(reader, end);
    else this.#fields((number) => fields.get(number), reader, end);
    this.#depth--;
  }

  #take(chars: number): void {
    this.#left -= chars;
    if (this.#left < 0) throw new Error(`it has more than ${this.#printed.charsMax} characters as JSON`);
  }

  #fields(sizeOfField: (number: number) => FieldSize | undefined, reader: BinaryReader, end: number): void {
    while (reader.pos < end) {
      const [number, wireType] = reader.tag();
      if (wireType === WireType.EndGroup) return;
      const field = sizeOfField(number);
      if (field === undefined) reader.skip(wireType, number);
      else this.#field(field, reader, wireType, number);
    }
  }

  #field(field: FieldSize, reader: BinaryReader, wireType: WireType, number: number): void {
    const { nameChars, valueChars, kind, message, entry } = field;
    this.#take(nameChars);
    if (wireType === WireType.StartGroup && message !== undefined) this.message(message, reader, reader.len);
    else if (wireType !== WireType.LengthDelimited) {
      reader.skip(wireType, number);
      this.#take(valueChars);
    } else if (kind !== undefined) this.#take(charsOf(reader.bytes(), kind, valueChars));
    else {
      const end = reader.uint32() + reader.pos;
      if (end > reader.len) throw new Error("it ends within a field");
      if (entry !== undefined) this.#pair(entry, reader, end);
      else if (message !== undefined) this.message(message, reader, end);
      reader.pos = end;
    }
  }

  /** Of a map: the key, then the value, which is printed also where it was left out. */
  #pair(entry: FieldSize, reader: BinaryReader, end: number): void {
    let hasValue = false;
    const sizeOfField = (number: number): FieldSize => {
      if (number !== VALUE) return KEY;
      hasValue = true;
      return entry;
    };
    this.#fields(sizeOfField, reader, end);
    if (hasValue) return;
    if (entry.message === undefined) this.#take(entry.valueChars);
    else this.message(entry.message, new BinaryReader(NOTHING), 0);
  }

  #any(reader: BinaryReader, end: number): void {
    let typeUrl = "";
    let value: Uint8Array = new Uint8Array();
    while (reader.pos < end) {
      const [number, wireType] = reader.tag();
      if (wireType === WireType.EndGroup) break;
      if (number === 1 && wireType === WireType.LengthDelimited) typeUrl = reader.string();
      else if (number === VALUE && wireType === WireType.LengthDelimited) value = reader.bytes();
      else reader.skip(wireType, number);
    }
    this.#take(typeUrl.length);
    const desc = this.#printed.registry.getMessage(typeUrl.slice(typeUrl.lastIndexOf("/") + 1));
    if (desc !== undefined) this.message(desc, new BinaryReader(value), value.byteLength);
  }
}

const NOTHING = new Uint8Array();

/** Of an entry of a map, and of `google.protobuf.Any`. */
const VALUE = 2;

/** Of a text, or of numbers one behind the other. */
function charsOf(bytes: Uint8Array, kind: ValueKind, valueChars: number): number {
  const { length } = bytes;
  if (kind === "text") return 2 * length;
  if (kind === "fixed32" || kind === "fixed64") return valueChars * (length / (kind === "fixed32" ? 4 : 8));
  let values = 0;
  for (const byte of bytes) if (byte < 0x80) values++;
  // Seven bits of a number are three digits at most; each has a comma, and quotes where it has 64.
  return kind === "name" ? valueChars * values : 3 * (length + values);
}

/** `name`: one of few values, by their names. */
type ValueKind = "text" | "fixed32" | "fixed64" | "varint" | "name";

interface FieldSize {
  /** Its name with what stands around it, each time that it occurs. */
  readonly nameChars: number;
  /** One value of it at most, but for texts and messages. */
  readonly valueChars: number;
  /** Absent: of messages and maps. */
  readonly kind?: ValueKind;
  readonly message?: DescMessage;
  /** Of a map: its values. */
  readonly entry?: FieldSize;
}

interface MessageSize {
  /** Of all fields that are printed though nobody has set them. */
  readonly defaultsChars: number;
  readonly fields: ReadonlyMap<number, FieldSize>;
}

/** Of a map: a text, a number or a bool. */
const KEY: FieldSize = { nameChars: MEMBER_CHARS, valueChars: NUMBER_CHARS, kind: "text" };

const known = new WeakMap<DescMessage, MessageSize>();

function sizesOf(desc: DescMessage): MessageSize {
  const found = known.get(desc);
  if (found !== undefined) return found;
  const fields = new Map(desc.fields.map((field) => [field.number, sizeOf(field)]));
  const printed = desc.fields.filter(({ fieldKind }) => fieldKind !== "message");
  const defaultsChars = printed.reduce((sum, { number }) => {
    const { nameChars = 0, valueChars = 0 } = fields.get(number) ?? {};
    return sum + nameChars + valueChars;
  }, 0);
  const sizes = { defaultsChars, fields };
  known.set(desc, sizes);
  return sizes;
}

function sizeOf(field: DescField): FieldSize {
  const nameChars = Math.max(field.name.length, field.jsonName.length) + MEMBER_CHARS;
  const { message } = field;
  const kind = kindOf(field);
  const size = {
    nameChars,
    valueChars: valueCharsOf(field),
    ...(kind !== undefined && { kind }),
    ...(message !== undefined && { message }),
  };
  return field.fieldKind === "map" ? { nameChars, valueChars: 0, entry: { ...size, nameChars: 0 } } : size;
}

function kindOf({ scalar, enum: names }: DescField): ValueKind | undefined {
  if (names !== undefined || scalar === ScalarType.BOOL) return "name";
  return scalar === undefined ? undefined : (KINDS.get(scalar) ?? "varint");
}

const KINDS: ReadonlyMap<ScalarType, ValueKind> = new Map([
  [ScalarType.STRING, "text"],
  [ScalarType.BYTES, "text"],
  [ScalarType.FLOAT, "fixed32"],
  [ScalarType.FIXED32, "fixed32"],
  [ScalarType.SFIXED32, "fixed32"],
  [ScalarType.DOUBLE, "fixed64"],
  [ScalarType.FIXED64, "fixed64"],
  [ScalarType.SFIXED64, "fixed64"],
]);

function valueCharsOf(field: DescField): number {
  if (field.scalar === ScalarType.BOOL) return "false,".length;
  const names = field.enum?.values.map(({ name }) => name.length + MEMBER_CHARS) ?? [];
  return Math.max(NUMBER_CHARS, ...names);
}
