/** What is wrong with a document. Codes are stable and documented in `docs/document.md`. */

export type Path = readonly (string | number)[];

export interface DocumentProblem {
  readonly code: ProblemCode;
  readonly severity: "error" | "warning";
  /** One sentence, without the position. */
  readonly message: string;
  /** Keys and indexes from the top of the document. */
  readonly path: Path;
  /** Whether the key at the path is meant, or its value. */
  readonly at: "key" | "value";
  /** The included file that it stands in; absent: the document itself. */
  readonly file?: string;
  /** The other place of two that do not go together. */
  readonly other?: Path;
  /** From 1; absent where the document did not come from a text. */
  readonly line?: number;
  readonly column?: number;
  /** Characters on that line that are meant. */
  readonly length?: number;
  readonly expected?: string;
  /** What to write instead. */
  readonly suggestion?: string;
}

export const problemCodes = {
  SLV1001: "the text is not valid YAML 1.2",
  SLV1002: "a key occurs twice",
  SLV1003: "the document is too large, too deep or has too many nodes",
  SLV1004: "a YAML feature that has no place in a document: tags, complex keys, unknown anchors",
  SLV2001: "a value is not of the kind or form that is expected",
  SLV2002: "a required key is missing",
  SLV2003: "an unknown key",
  SLV2004: "a name that is not allowed",
  SLV2005: "exactly one of several keys is needed",
  SLV3001: "a reference to a service that does not exist",
  SLV3002: "a reference to an identity provider or decision point that does not exist",
  SLV3003: "a reference to a subset that does not exist",
  SLV3004: "a template names a part, parameter or member that does not exist",
  SLV3005: "parts of an aggregate wait for each other",
  SLV3006: "a name is used twice",
  SLV3007: "two routes match exactly the same requests",
  SLV3008: "weights that send traffic nowhere",
  SLV3009: "settings that contradict each other",
  SLV3010: "a host that the gateway does not serve",
  SLV3011: "a service without `access` can be called by every workload",
  SLV3012: "a route or rule that can never match",
  SLV3013: "an expression in CEL (`when`, `cel`) that cannot be used",
  SLV3014: "a key or secret that signatures cannot be checked with",
  SLV3015: "somebody's word is believed, or counted by, that anybody can give",
  SLV3020: "a signature need not cover what a request is",
  SLV3021: "a setting that costs a signature for each request",
  SLV3022: "idempotency keys of clients that nothing else tells apart",
  SLV3025: "a limit of a public route does not say what happens when it cannot be counted",
  SLV3036: "a reference to a limit or plan that does not exist",
  SLV3037: "a plan, limit or row that decides nothing, or begins a new count",
  SLV3040: "a cache that keeps answers of each identity apart without being told to",
  SLV3041: "answers that are shared, though the upstream is told who asks",
  SLV3050: "a word of gRPC where calls are not by gRPC",
  SLV3051: "gRPC calls that nothing sends again, though the document names when",
  SLV3052: "a part of an aggregate, or code, that asks a service by gRPC",
  SLV3053: "a rule by method that no call by gRPC matches",
  SLV3055: "a setting that means nothing with the protocol of its service",
  SLV3056: "a port that two services are to be called at",
  SLV3057: "a route to a service of TCP",
  SLV3058: "an access list that refuses nobody",
  SLV3064: "an exposed route asks for what only the gateway can do",
  SLV3065: "an exposed route asks for a proof that an agent cannot check",
  SLV3066: "a limit that an agent cannot count as it is asked to",
  SLV3067: "a limit by calling service where only one may call",
  SLV3070: "a request that may have an effect would be sent twice at a time",
  SLV3071: "a hedge that is never sent",
  SLV3072: "an order of zones that names one twice",
  SLV3080: "a regular expression that cannot be used",
  SLV3081: "a method that never arrives at the gateway",
  SLV3082: "an included file that is not there, or cannot be one",
  SLV3084: "an owner that does not exist",
  SLV3085: "what an owner has does more than it is granted",
  SLV3090: "braces in a text that nothing is filled into",
  SLV3091: "an edit that the protocol does not allow",
  SLV3092: "an edit that decides nothing",
  SLV3093: "a JSON pointer or JSONPath that cannot be used",
  SLV3100: "a template names what `pick` of its part leaves out",
  SLV3101: "an aggregate may make more calls than the platform allows in one request",
  SLV3102: "an aggregate may make more calls than the platform's free plan allows in one request",
  SLV3103: "retries of a part that the mesh retries, or whose calls may have an effect",
  SLV3104: "a status or field is taken from a part that has many answers",
  SLV3110: "a name that is both that of a service and that of an upstream",
  SLV3111: "an upstream that no route leads to",
  SLV3112: "a binding of the gateway itself as the target of an upstream",
  SLV3113: "targets for failover that nothing fails over to",
  SLV3114: "a choice between targets where there is one",
  SLV3120: "times of a life cycle that contradict each other, or of which nobody is told",
  SLV3121: "a version that no request can ask for, or that no route has",
  SLV3122: "a rule for known users on a route where nobody is known",
  SLV3123: "a guard of GraphQL that refuses everything, or a setting of it without effect",
  SLV3130: "settings of WebSockets on a route that can have none",
  SLV3131: "a protocol that the gateway cannot pass on",
  SLV3132: "a route for WebSockets to a service that takes none",
  SLV3133: "a limit of what runs at once, where the end of a WebSocket is not known",
  SLV3135: "a file beside the document that is named and cannot be used",
  SLV3140: "a reference to a contract that does not exist",
  SLV3141: "an API description that is none, or of a version that is not read",
  SLV3142: "a reference (`$ref`) in an API description that leads nowhere, or where none may lead",
  SLV3143: "a part of an API description that is not as OpenAPI has it",
  SLV3144: "two operations of an API description that match the same requests, or have one name",
  SLV3145: "a path of an API description that cannot be matched, or does not fit its parameters",
  SLV3146: "an overlay, or an action of it, that cannot be applied",
  SLV3147: "an action of an overlay that changes nothing",
  SLV3148: "a schema of an API description that cannot be used, or not whole",
  SLV3149: "a contract or validation that judges nothing",
  SLV3155: "code that is not there, or cannot be built",
  SLV3156: "code that is not of the kind that the route names it as",
  SLV3157: "settings that the code which they are for refuses",
  SLV3158: "calls of code that no code makes, or code that may call nothing",
  SLV3159: "code that could not be looked at where the document was checked",
  SLV3160: "a route to a service by gRPC that takes no call of it",
  SLV3161: "a setting by which no call by gRPC succeeds",
  SLV3162: "edits of JSON where messages are those of gRPC",
  SLV3163: "pages that may not call by gRPC-Web",
  SLV3165: "a descriptor that cannot be used",
  SLV3166: "a reference to a descriptor, or a service of one, that does not exist",
  SLV3167: "a rule of `google.api.http` that cannot be used",
  SLV3168: "methods of gRPC that no request can call",
  SLV3169: "settings of transcoding that mean nothing",
  SLV3170: "a setting of a translation that has no meaning there",
  SLV3171: "a name or namespace that XML does not have",
  SLV3172: "a path of a translation that leads nowhere",
  SLV3173: "faults of SOAP that nothing translates",
  SLV3174: "a translation of a request that has no body",
  SLV3175: "routes that only who asks tells apart differ in what is decided before that is known",
  SLV3176: "a route that matches by who asks, where nobody is known",
  SLV3177: "too many routes that only who asks tells apart",
  SLV3178: "a contract of a service that not all requests to it are held to",
  SLV3179: "a `Host` that the runtime does not send",
  SLV3180: "a source of endpoints that cannot be asked as the document says",
  SLV3181: "a setting of a source of endpoints that decides nothing",
  SLV3182: "an access rule that goes by more than who calls, where no agent takes the calls",
  SLV3183: "a service that is called without encryption, and that whoever reaches it may call",
  SLV3184: "a service of TCP that is called without an agent",
  SLV3185: "endpoints of a trust domain that `mesh.federation` does not name",
  SLV3186: "an address of a list that cannot be called",
  SLV3187: "work of an agent for a service that is called without one",
  SLV3190: "a field that a service's limit cannot count by",
  SLV3191: "calls at once that are to be counted over all instances",
  SLV3192: "a limit that may take all the time that its service has",
  SLV3193: "a limit of which nothing can be lent",
  SLV3195: "an outside issuer whose SPIFFE IDs name no service of the mesh",
  SLV3196: "an outside issuer all of whose workloads may be a service",
  SLV3197: "a SPIFFE ID of the ingress that an outside issuer cannot give",
  SLV3200: "a route whose `traffic` leads to what has a `validate` that does not hold there",
  SLV3201: "settings of logs by which no request is told of",
  SLV3205: "telemetry that tells nothing",
  SLV3206: "telemetry that the gateway has nowhere to send",
  SLV3207: "settings of traces by which no span is kept",
  SLV3208: "a receiver of telemetry with the path of one signal, or a query",
  SLV3209: "a field that the exporter says itself",
  SLV3210: "a resource attribute that each process says of itself",
  SLV3211: "a credential for a receiver of telemetry that stands in the document",
  SLV3220: "an issuer to join by that cannot be used",
  SLV3221: "an issuer to join by, or its keys, without TLS",
  SLV3222: "a rule to join by an issuer that does not exist, or an issuer that no rule names",
  SLV3223: "a rule by which strangers join: it does not say whose workloads of a public issuer are meant",
  SLV3224: "a rule to join by that every workload of its issuer matches",
  SLV3225: "a rule to join by that an earlier one always comes before",
  SLV3226: "a template of a service to join as that cannot be filled, or comes to nothing that is declared",
  SLV3227: "lives of certificates and tokens that contradict each other",
  SLV3232: "a policy that is in shadow and is not, or says so twice",
  SLV3233: "a route that is open: its `auth` is in shadow",
  SLV3234: "a policy in shadow that would refuse nobody",
  SLV3235: "a change of what is not the owner's",
  SLV3236: "a change of an owner's own part that takes something from others",
  SLV3237: "a service that refuses for real whom a route lets pass in shadow",
  SLV3241: "a finding that is to be ignored and is not there",
  SLV3242: "a time that ends before what it leads to may",
  SLV3243: "retries of several layers multiply",
  SLV3244: "a bound of a breaker that decides nothing, or undoes another",
  SLV3245: "retries that nothing is sent again by",
  SLV3246: "something that is declared, and that nothing uses",
  SLV3247: "a subset that no endpoint is in",
  SLV3248: "an access rule that lets nobody in whom another does not, or nobody at all",
  SLV3249: "calls of one request, with retries of upstreams, that the platform may not allow",
  SLV3250: "a certificate that its holder should have replaced by now",
  SLV3251: "a gateway or agent that does not serve the live version",
  SLV3252: "an alarm of the control plane",
  SLV3253: "requests or answers that broke a contract",
  SLV3254: "clocks that go differently",
  SLV3255: "a URL that no bundle of another trust domain may be fetched from",
  SLV3228: "a test case that expects nothing, or too little to be judged",
  SLV3229: "expectations of a test case that cannot all come true",
  SLV3230: "a test case about a route or service that does not exist",
  SLV3231: "a test case whose request is none",
  SLV3256: "a federation with the mesh's own trust domain",
  SLV3257: "an access rule for a trust domain that `mesh.federation` does not name",
  SLV3258: "a workload of the own mesh that is named by its SPIFFE ID",
  SLV3259: "a trust domain whose workloads no access rule names",
  SLV3260: "a secret that a gateway or agent which runs does not have",
  SLV3270: "an outage budget that no agent can have",
  SLV4001: "a secret was not found",
  SLV4002: "an environment variable is not set",
  SLV4003: "a reference of a form or at a place that is not allowed",
} as const;
export type ProblemCode = keyof typeof problemCodes;

type Details = Partial<Pick<DocumentProblem, "at" | "expected" | "suggestion" | "other">>;

export function error(code: ProblemCode, path: Path, message: string, details: Details = {}): DocumentProblem {
  return { code, severity: "error", message, path, at: "value", ...definedOnly(details) };
}

export function warning(code: ProblemCode, path: Path, message: string, details: Details = {}): DocumentProblem {
  return { code, severity: "warning", message, path, at: "value", ...definedOnly(details) };
}

/** `gateway.routes[0].to`, for people. */
export function formatPath(path: Path): string {
  let text = "";
  for (const key of path) {
    if (typeof key === "number") text += `[${key}]`;
    else if (/^[\w-]+$/.test(key)) text += text === "" ? key : `.${key}`;
    else text += `[${JSON.stringify(key)}]`;
  }
  return text === "" ? "document" : text;
}

function definedOnly(details: Details): Details {
  return Object.fromEntries(Object.entries(details).filter(([, value]) => value !== undefined));
}
