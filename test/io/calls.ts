import { isWritError, type WritError } from "#src/base/errors.ts";
import { createAddressPolicy, type ListenerAddress } from "#src/io/addresses.ts";
import { createDialer, type Dialer, type DialerOptions } from "#src/io/dial.ts";
import type { CallLimits, HttpResponse } from "#src/io/exchange.ts";
import { type HttpRequest, httpRequest } from "#src/io/fetch.ts";

export const LIMITS: CallLimits = {
  connectMs: 2_000,
  headersMs: 2_000,
  idleMs: 2_000,
  totalMs: 5_000,
  maxResponseBytes: 1_000_000,
  maxHeaderBytes: 16_384,
};

/** A dialer for upstreams on this host's loopback. */
export function loopbackDialer(
  options: Omit<DialerOptions, "addressPolicy"> & { ownAddresses?: readonly ListenerAddress[] } = {},
): Dialer {
  const { ownAddresses = [], ...rest } = options;
  const addressPolicy = createAddressPolicy({ grantedRanges: ["127.0.0.0/8", "::1"], ownAddresses });
  return createDialer({ addressPolicy, ...rest });
}

/** A GET of `/` with the usual limits, changed as given. */
export function call(
  dialer: Dialer,
  origin: string,
  changes: Partial<Omit<HttpRequest, "origin" | "limits">> & { readonly limits?: Partial<CallLimits> } = {},
): Promise<HttpResponse> {
  const limits = { ...LIMITS, ...changes.limits };
  return httpRequest(dialer, { method: "GET", target: "/", headers: [], ...changes, origin, limits });
}

export function textOf(response: HttpResponse): Promise<string> {
  return new Response(response.body).text();
}

/** The error that the call, or reading its whole answer, ends in; throws where there is none. */
export async function failureOf(response: Promise<HttpResponse>): Promise<WritError> {
  let text: string;
  try {
    text = await textOf(await response);
  } catch (error) {
    if (isWritError(error)) return error;
    throw error;
  }
  throw new Error(`answered ${JSON.stringify(text.slice(0, 100))} instead of failing`);
}

/** Resolves once `condition` holds; throws after two seconds. */
export async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + 2_000;
  while (!condition()) {
    if (performance.now() > end) throw new Error("it did not happen");
    await Bun.sleep(5);
  }
}
