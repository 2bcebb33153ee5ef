/**
 * Numbers as they are written, without the rounding of doubles: 0.07 is a multiple of 0.01, and 9007199254740993 is larger than
 * 9007199254740992. A double stands for the shortest decimal that is read as it.
 */
import { exactNumber } from "../http/raw-number.ts";
import { limits } from "../limits.ts";
import { tooComplex } from "./too-complex.ts";

/** `0.digits` times ten to the power of `magnitude`; no digit for zero, and neither the first nor the last one is 0. */
interface Decimal {
  readonly negative: boolean;
  readonly digits: string;
  readonly magnitude: number;
}

const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/** Whether a number of JSON is whole, though it may be written with a fraction or an exponent. */
export function isWhole(text: string): boolean {
  const { digits, magnitude } = readDecimal(text);
  return digits.length <= magnitude || digits === "";
}

/** Text that is the same for equal numbers. */
export function numberKey(value: unknown): string {
  const text = exactNumber(value);
  if (text === undefined) return String(value === 0 ? 0 : value);
  const { negative, digits, magnitude } = readDecimal(text);
  const double = Number(text);
  if (Number.isFinite(double)) {
    const near = readDecimal(String(double));
    if (near.digits === digits && near.magnitude === magnitude) return String(double === 0 ? 0 : double);
  }
  return `${negative ? "-" : ""}0.${digits}e${magnitude}`;
}

/** @returns below, at or above 0 as `left` is less than, equal to or more than `right` */
export function compareNumbers(left: unknown, right: unknown): number {
  if (typeof left === "number" && typeof right === "number") return left - right;
  return compareDecimals(toDecimal(left), toDecimal(right));
}

/**
 * Whether numbers are multiples of one.
 * @param divisor more than 0
 */
export function multiplesOf(divisor: unknown): (value: unknown) => boolean {
  const fraction = typeof divisor === "number" ? (/^\d+\.(\d{1,6})$/.exec(String(divisor))?.[1] ?? "") : "";
  const scale = 10 ** fraction.length;
  const whole = typeof divisor === "number" ? Math.round(divisor * scale) : 0;
  if (whole < 1 || whole / scale !== divisor) return (value) => isMultiple(value, divisor);
  return (value) => {
    if (typeof value !== "number" || Math.abs(value) * scale > EXACT_MAX) return isMultiple(value, divisor);
    // Below 15 digits a double is the decimal that it was read from: it has no more places than these, or it is no multiple.
    const scaled = Math.round(value * scale);
    return scaled / scale === value && scaled % whole === 0;
  };
}

/** Decimals of at most 15 digits are told apart by doubles. */
const EXACT_MAX = 1e15 - 1;

function isMultiple(value: unknown, divisor: unknown): boolean {
  const [left, right] = [toDecimal(value), toDecimal(divisor)];
  if (left.digits === "") return true;
  if (right.digits === "") return false;
  const power = left.magnitude - left.digits.length - (right.magnitude - right.digits.length);
  // The digits of the left do not end in 0, so that no power of ten divides them.
  if (power < -left.digits.length) return false;
  const [dividend, by] = [BigInt(left.digits), BigInt(right.digits)];
  if (power < 0) return dividend % (by * 10n ** BigInt(-power)) === 0n;
  return ((dividend % by) * powerOfTen(power, by)) % by === 0n;
}

function toDecimal(value: unknown): Decimal {
  return readDecimal(exactNumber(value) ?? String(value));
}

function readDecimal(text: string): Decimal {
  const { numberDigitsMax, numberExponentMax } = limits.contract;
  if (text.length > 2 * numberDigitsMax) tooComplex(`a number has more than ${numberDigitsMax} digits`);
  const [, sign, whole = "", fraction = "", exponent = "0"] = NUMBER.exec(text) ?? [];
  const all = whole + fraction;
  const digits = all.replace(/^0+/, "");
  const magnitude = whole.length - (all.length - digits.length) + Number(exponent);
  const significant = trimZeros(digits);
  if (significant === "") return { negative: false, digits: "", magnitude: 0 };
  if (significant.length > numberDigitsMax || Math.abs(magnitude) > numberExponentMax)
    tooComplex(`a number has more than ${numberDigitsMax} digits or a power of ten beyond ${numberExponentMax}`);
  return { negative: sign === "-", digits: significant, magnitude };
}

/** Without the zeros at its end, in time that grows with the length alone. */
function trimZeros(digits: string): string {
  let end = digits.length;
  while (end > 0 && digits.charCodeAt(end - 1) === ZERO) end--;
  return digits.slice(0, end);
}

const ZERO = 0x30;

function compareDecimals(left: Decimal, right: Decimal): number {
  if (left.negative !== right.negative) return left.negative ? -1 : 1;
  const size = compareSizes(left, right);
  return left.negative ? -size : size;
}

function compareSizes(left: Decimal, right: Decimal): number {
  if (left.digits === "" || right.digits === "") return left.digits.length - right.digits.length;
  if (left.magnitude !== right.magnitude) return left.magnitude - right.magnitude;
  if (left.digits === right.digits) return 0;
  return left.digits < right.digits ? -1 : 1;
}

/** Ten to the power, modulo: by squares. */
function powerOfTen(power: number, modulus: bigint): bigint {
  let [result, square] = [1n % modulus, 10n % modulus];
  for (let rest = power; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}
