/** Exit codes of every command. */
export const exitCodes = {
  ok: 0,
  /** Something was found, refused or denied. */
  findings: 1,
  /** Wrong usage, or a document that is not valid. */
  usage: 2,
  /** The control plane does not answer. */
  unreachable: 3,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Ends a command with a message for people. An empty message: everything was said already. */
export class CliError extends Error {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string) {
    super(message);
    this.name = "CliError";
    this.exitCode = exitCode;
  }
}
