import type { ErrorCode } from "#src/base/error-codes.ts";
import { ERROR_CODES } from "#src/base/error-codes.ts";
import { isWritError } from "#src/base/errors.ts";
import { ERROR_STATUS, INTERNAL_CODES, STATUS_TITLES } from "./error-status.ts";
import type { Reply } from "./reply.ts";

/** The content type of RFC 9457. */
export const PROBLEM_TYPE = "application/problem+json";

/** What a problem document says besides the members that every one has. */
export interface ProblemExtras {
  readonly details?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * An RFC 9457 problem document: `type` is `about:blank`, so `title` is the status's phrase (section 4.2.1), and what
 * programs switch on is `code`. `request_id` is added where the answer is made.
 */
export function problemReply(code: ErrorCode, detail: string, { details, headers }: ProblemExtras = {}): Reply {
  const status = ERROR_STATUS[code];
  const title = STATUS_TITLES.get(status) ?? "Error";
  return {
    status,
    json: { ...details, type: "about:blank", title, status, code, detail },
    contentType: PROBLEM_TYPE,
    headers: { ...STATUS_HEADERS.get(status), ...headers },
  };
}

/** The answer to anything thrown. What is no error of Writ's own, or one of its inside, says nothing of its cause. */
export function errorReply(error: unknown): Reply {
  if (!isWritError(error)) return problemReply("internal", ERROR_CODES.internal);
  if (INTERNAL_CODES.has(error.code)) return problemReply(error.code, ERROR_CODES[error.code]);
  const { details } = error;
  const headers = retryHeaders(error.code, details);
  return problemReply(error.code, error.message, { ...(details === undefined ? {} : { details }), headers });
}

/** RFC 9110 section 11.6.1: a 401 says how to sign in. */
const STATUS_HEADERS: ReadonlyMap<number, Readonly<Record<string, string>>> = new Map([
  [401, { "www-authenticate": 'Bearer realm="writ"' }],
]);

function retryHeaders(
  code: ErrorCode,
  details: Readonly<Record<string, unknown>> | undefined,
): Readonly<Record<string, string>> {
  const seconds = details?.["retry_after_seconds"];
  if (typeof seconds === "number") return { "retry-after": String(seconds) };
  return code === "not_ready" || code === "store_failed" ? { "retry-after": "1" } : {};
}
