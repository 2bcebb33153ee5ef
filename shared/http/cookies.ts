/** Cookies (RFC 6265) as the gateway sees them: its own, which end here, and those of the services behind it. */

/** Names of the gateway's own cookies begin so. The prefix `__Host-` binds a cookie to one host and all of its paths. */
const OWN_COOKIES = "__Host-selvage-";
const OWN = /^__host-selvage-/i;

/** Every value of a cookie in a request. @param name compared by case */
export function cookieValues(header: string | null | undefined, name: string): string[] {
  return namedCookies(header, (one) => one === name).map(([, value]) => value);
}

/**
 * Cookies of a request whose names are asked for, in the order in which they came. Read exactly as browsers write them
 * (RFC 6265 section 4.2.1): `__Host-` protects a name only as long as nothing else is taken for it. A neighbouring host may
 * set `x=1,__Host-...` and `\u00a0__Host-...`, so neither a comma nor any other white space than theirs ends or begins one.
 */
export function namedCookies(
  header: string | null | undefined,
  isAsked: (name: string) => boolean,
): [name: string, value: string][] {
  return header?.includes(OWN_COOKIES) ? readCookies(header, isAsked) : [];
}

/** The value of a cookie of the services; undefined when it is not there, or several times. @param name compared by case */
export function onlyCookie(header: string | null | undefined, name: string): string | undefined {
  const [first, ...others] = readCookies(header ?? "", (one) => one === name);
  return others.length === 0 ? first?.[1] : undefined;
}

/** The value of the first cookie of that name (RFC 6265 section 5.4). @param name compared by case */
export function firstCookie(header: string | null | undefined, name: string): string | undefined {
  for (const pair of header?.split(";") ?? []) {
    const at = pair.indexOf("=");
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim();
  }
  return undefined;
}

/** Every value of a cookie of the services, in the order in which they came. @param name compared by case */
export function serviceCookies(header: string | null | undefined, name: string): string[] {
  return readCookies(header ?? "", (one) => one === name).map(([, value]) => value);
}

function readCookies(header: string, isAsked: (name: string) => boolean): [name: string, value: string][] {
  return header.split(";").flatMap((member) => {
    const at = member.indexOf("=");
    const name = member.slice(0, at).replace(/^[ \t]+/, "");
    return at > 0 && isAsked(name) ? [[name, member.slice(at + 1)] as [string, string]] : [];
  });
}

/**
 * A `Cookie` field without the gateway's own cookies, and without what a service could take for one of them; the others
 * stay as they are. Empty when none is left.
 */
export function withoutOwnCookies(header: string): string {
  if (!/__host-selvage-/i.test(header)) return header;
  const kept = header.split(/(?=[;,])/).filter((member) => !OWN.test(member.replace(/^[;,]?[\s"=]*/, "")));
  return kept.join("").replace(/^[;,]?\s*/, "");
}

/** Whether a `Set-Cookie` of an upstream would set one of the gateway's own cookies. */
export function setsOwnCookie(setCookie: string): boolean {
  return OWN.test(setCookie.replace(/^[\s=]*/, ""));
}

/** `Set-Cookie` of one of the gateway's own cookies. @param value no `;`, `,` or space in it; empty takes it away */
export function setOwnCookie(name: string, value: string, maxAgeMs: number): string {
  const seconds = value === "" ? 0 : Math.ceil(maxAgeMs / 1000);
  return `${name}=${value}; Path=/; Max-Age=${seconds}; Secure; HttpOnly; SameSite=Lax`;
}
