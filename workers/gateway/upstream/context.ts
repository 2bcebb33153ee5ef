/**
 * One request as the stages have it. The words are those of Hono's `Context`, of which they use few: making one of Hono's and its
 * way through a router cost more than most stages do.
 */

/** What a context knows, by name: bindings of the Worker, and what stages leave for those inside them. */
interface Known {
  readonly Bindings: object;
  readonly Variables: object;
}

export class Context<Names extends Known> {
  readonly req: { readonly raw: Request };
  readonly env: Names["Bindings"];
  readonly executionCtx: ExecutionContext;
  readonly #values = new Map<keyof Names["Variables"], unknown>();
  #res: Response | undefined;
  /** Made by the first that is set: hardly any request is refused. */
  #refusal: Headers | undefined;

  constructor(request: Request, env: Names["Bindings"], executionCtx: ExecutionContext) {
    this.req = { raw: request };
    this.env = env;
    this.executionCtx = executionCtx;
  }

  /** What a stage has left; undefined when the request did not get there. */
  get<Name extends keyof Names["Variables"]>(name: Name): Names["Variables"][Name] {
    return this.#values.get(name) as Names["Variables"][Name];
  }

  set<Name extends keyof Names["Variables"]>(name: Name, value: Names["Variables"][Name]): void {
    this.#values.set(name, value);
  }

  /** The answer as it is now. @throws Error when nobody has made one */
  get res(): Response {
    if (this.#res === undefined) throw new Error("no stage has answered");
    return this.#res;
  }

  /** @param answer undefined: what was made is no answer */
  set res(answer: Response | undefined) {
    this.#res = answer;
  }

  /** Whether there is an answer. */
  get finalized(): boolean {
    return this.#res !== undefined;
  }

  /** Sets a field of what `body` makes: of a refusal that is about to be thrown. */
  header(name: string, value: string): void {
    this.#refusal ??= new Headers();
    this.#refusal.set(name, value);
  }

  /** @param fields stand instead of those of the same name that `header` has set */
  body(text: string, status: number, fields: Readonly<Record<string, string>> = {}): Response {
    const headers = new Headers(this.#refusal);
    for (const [name, value] of Object.entries(fields)) headers.set(name, value);
    return new Response(text, { status, headers });
  }
}
