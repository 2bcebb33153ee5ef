import { isOwnBinding } from "../../shared/policy/own-bindings.ts";
import { WorkerConfigError } from "./wrangler-config.ts";

const PREFIX = "BINDING_";

/**
 * Service bindings of a self-hosted gateway for targets of upstreams: `BINDING_PAYMENTS=127.0.0.1:9000` is the binding `PAYMENTS`.
 * @returns binding to the `host:port` of the HTTP server that answers it
 * @throws WorkerConfigError with all that is wrong at once
 */
export function boundServices(environment: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const found = Object.entries(environment).filter(([name]) => name.startsWith(PREFIX));
  const faults = found.flatMap(([name, address = ""]) => faultOf(name, name.slice(PREFIX.length), address));
  if (faults.length > 0) throw new WorkerConfigError(faults.join("\n"));
  return Object.fromEntries(found.map(([name, address = ""]) => [name.slice(PREFIX.length), address]));
}

function faultOf(variable: string, binding: string, address: string): string[] {
  if (!/^[A-Z][A-Z0-9_]{0,62}$/.test(binding))
    return [`${variable}: a binding is called in capitals, such as PAYMENTS`];
  if (isOwnBinding(binding)) return [`${variable}: ${binding} is a binding of the gateway itself`];
  const port = Number(/^(?:[\w.-]+|\[[0-9a-fA-F:.]+\]):(\d{1,5})$/.exec(address)?.[1] ?? 0);
  return port >= 1 && port <= 65_535 ? [] : [`${variable}: ${JSON.stringify(address)} is no HOST:PORT`];
}
