import { WritError } from "#src/base/errors.ts";

const SAFE: ReadonlySet<string> = new Set(["GET", "HEAD"]);

/** Whether a method changes nothing (RFC 9110 section 9.2.1). */
export function isSafeMethod(method: string): boolean {
  return SAFE.has(method);
}

/**
 * Holds an unsafe request of a browser to what the browser says of where it is from: `Origin` (RFC 6454) is the public
 * address, `Sec-Fetch-Site` (Fetch Metadata) is `same-origin`; one of them is there, and none contradicts.
 *
 * Throws `csrf_refused`.
 */
export function checkSameOrigin(request: Request, publicUrl: string): void {
  const origin = request.headers.get("origin");
  const site = request.headers.get("sec-fetch-site");
  const isStated = origin !== null || site !== null;
  const isOurs = (origin === null || origin === new URL(publicUrl).origin) && (site === null || site === "same-origin");
  if (!isStated || !isOurs) {
    throw new WritError("csrf_refused", `this is for pages of \`${publicUrl}\`: open Writ by that address`);
  }
}
