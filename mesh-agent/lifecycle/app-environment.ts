/** What an application finds in its environment, so that plain HTTP calls to `http://<service>.mesh` reach its agent. */

/**
 * @param inherited the agent's own environment; what the agent joins and keeps its state by is not the application's business
 * @param ports of the application, and of the outbound listener on loopback
 * @param tcp services of TCP that it may call, to the addresses of their listeners
 * @param workloadApi path of the socket of the SPIFFE Workload API
 * @param nodeOptions instead of the agent's own
 */
export function appEnvironment(
  inherited: NodeJS.ProcessEnv,
  ports: { readonly app: number; readonly outbound: number },
  tcp: Readonly<Record<string, string>> = {},
  workloadApi?: string,
  nodeOptions?: string,
): NodeJS.ProcessEnv {
  const proxy = `http://127.0.0.1:${ports.outbound}`;
  // Calls by https would otherwise go through the proxy for http where no other is named (Node's fetch does that).
  const direct = "localhost,127.0.0.1,::1,*:443";
  const { SELVAGE_JOIN_TOKEN: _, SELVAGE_STATE_KEY: __, ...rest } = inherited;
  return {
    ...rest,
    ...Object.fromEntries(Object.entries(tcp).map(([service, address]) => [tcpVariable(service), address])),
    PORT: String(ports.app),
    SELVAGE_OUTBOUND: proxy,
    ...(workloadApi !== undefined && { SPIFFE_ENDPOINT_SOCKET: `unix://${workloadApi}` }),
    ...(nodeOptions !== undefined && { NODE_OPTIONS: nodeOptions }),
    NODE_USE_ENV_PROXY: "1",
    HTTP_PROXY: proxy,
    http_proxy: proxy,
    // Clients by gRPC would else prefer a proxy for https, and those are calls to names of the mesh without TLS.
    grpc_proxy: proxy,
    NO_PROXY: joined(inherited.NO_PROXY ?? inherited.no_proxy, direct),
    no_proxy: joined(inherited.no_proxy ?? inherited.NO_PROXY, direct),
  };
}

/** `orders-db` is at `SELVAGE_TCP_ORDERS_DB`. */
const tcpVariable = (service: string): string => `SELVAGE_TCP_${service.toUpperCase().replaceAll("-", "_")}`;

const joined = (before: string | undefined, ours: string): string =>
  before === undefined || before === "" ? ours : `${before},${ours}`;
