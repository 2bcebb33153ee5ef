/**
 * Node's own HTTP, for the control plane and the admin listener. Not by `import`: that reads all its exports, of which some load
 * a WebSocket and `fetch` that nobody here uses, 12 MB.
 */
export const nodeHttp: typeof import("node:http") = process.getBuiltinModule("node:http");
