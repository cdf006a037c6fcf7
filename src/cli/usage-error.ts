/** A command line that cannot be understood, or a command that cannot begin. The message says what, the hint what helps. */
export class UsageError extends Error {
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    super(message);
    this.name = "UsageError";
    this.hint = hint;
  }
}
