/** A call over mTLS by a workload that has no agent, at the inbound listener of one that has. */
import { type RequestOptions, request } from "node:https";

export interface WorkloadCall {
  readonly port: number;
  /** What the caller shows, PEM. */
  readonly key: string;
  readonly cert: string;
  /** Roots that the called one must lead to, PEM. */
  readonly ca: readonly string[];
  /** Its SPIFFE ID. */
  readonly expected: string;
}

/** @returns status of the answer; 0: the connection was refused */
export function callAsWorkload({ expected, ca, ...rest }: WorkloadCall): Promise<number> {
  const checkServerIdentity = (_host: string, { subjectaltname }: { subjectaltname?: string }) =>
    subjectaltname === `URI:${expected}` ? undefined : new Error(`it is ${subjectaltname}`);
  return new Promise((resolve) => {
    const options: RequestOptions = { host: "127.0.0.1", ...rest, ca: [...ca], checkServerIdentity, agent: false };
    const asked = request(options, (answer) => {
      answer.resume();
      answer.on("end", () => resolve(answer.statusCode ?? 0));
    });
    asked.on("error", () => resolve(0));
    asked.end();
  });
}
