/** What the server answered instead of doing what it was asked. */
export class ApiError extends Error {
  /** The HTTP status. */
  readonly status: number;
  /** The stable code, or `unexpected_answer` where what answered is no Writ. */
  readonly code: string;
  /** Every member of the problem document. */
  readonly problem: Readonly<Record<string, unknown>>;

  constructor(status: number, code: string, message: string, problem: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.problem = problem;
  }
}
