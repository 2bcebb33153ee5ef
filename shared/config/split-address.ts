/**
 * The parts of `10.0.0.5:8080`, `[fd00::5]:8080` or `pay.example.com`.
 * @returns the host without brackets; no port where none is named
 */
export function splitAddress(address: string): { readonly host: string; readonly port?: number } {
  const [, bracketed, plain, port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d{1,5}))?$/.exec(address) ?? [];
  const host = bracketed ?? plain ?? address;
  return port === undefined ? { host } : { host, port: Number(port) };
}
