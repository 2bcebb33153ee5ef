/** Hosts, addresses and mailboxes. */

const OCTET = /^(?:0|[1-9]\d{0,2})$/;
const LABEL = /^[A-Za-z\d](?:[A-Za-z\d-]{0,61}[A-Za-z\d])?$/;
const HOST_CHARS_MAX = 253;
/** RFC 5321, section 4.1.2: a dot-string or a quoted string. */
const ATOMS = /^[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*$/;
const QUOTED = /^"(?:[ !#-[\]-~]|\\[ -~])*"$/;
const LOCAL_CHARS_MAX = 64;

/** RFC 2673, section 3.2: four numbers, without leading zeros. */
export function isIpv4(text: string): boolean {
  const octets = text.split(".", 5);
  return octets.length === 4 && octets.every((octet) => OCTET.test(octet) && Number(octet) <= 255);
}

/** RFC 4291, section 2.2, without a zone. */
export function isIpv6(text: string): boolean {
  const halves = text.split("::", 3);
  if (halves.length > 2) return false;
  const groups = halves.map((half) => (half === "" ? [] : half.split(":", 9)));
  const last = groups.at(-1);
  const tail = last?.at(-1) ?? "";
  let count = groups.reduce((sum, list) => sum + list.length, 0);
  if (tail.includes(".")) {
    if (!isIpv4(tail)) return false;
    last?.pop();
    count += 1;
  }
  const areGroups = groups.every((list) => list.every((group) => /^[\da-f]{1,4}$/i.test(group)));
  return areGroups && (halves.length === 2 ? count <= 7 : count === 8);
}

/** RFC 1123, section 2.1. */
export function isHostname(text: string): boolean {
  return text.length <= HOST_CHARS_MAX && text.split(".", HOST_CHARS_MAX).every((label) => LABEL.test(label));
}

/** A mailbox of RFC 5321, section 4.1.2. */
export function isEmail(text: string): boolean {
  const at = text.lastIndexOf("@");
  const [local, domain] = [text.slice(0, Math.max(0, at)), text.slice(at + 1)];
  if (at < 1 || local.length > LOCAL_CHARS_MAX || !(ATOMS.test(local) || QUOTED.test(local))) return false;
  const literal = /^\[(.*)\]$/.exec(domain)?.[1];
  if (literal === undefined) return isHostname(domain);
  return isIpv4(literal) || (/^IPv6:/i.test(literal) && isIpv6(literal.slice("IPv6:".length)));
}
