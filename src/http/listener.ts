import { type AddressRange, isInRanges, isLoopbackAddress } from "#src/config/address-range.ts";
import { isKnownHost } from "./host-check.ts";
import { securityHeaders } from "./reply.ts";
import { sourceAddress } from "./source-address.ts";

/** One way in, as requests see it. */
export interface Listener {
  /** `socket`: the operator's; whoever is there without a credential is the instance operator. */
  readonly kind: "tcp" | "socket";
  /** Whether its clients speak to upstreams by the upstreams' own addresses. */
  readonly isForward?: true;
  readonly security: Readonly<Record<string, string>>;
  /** The address that a request is from. */
  sourceOf(request: Request): string;
  /** An id that a proxy in front gave the request. */
  requestIdOf(request: Request): string | undefined;
  /** Whether the request names a host that this listener goes by. */
  knowsHost(request: Request): boolean;
  isLocal(request: Request, source: string): boolean;
  /** Lets the connection be silent for so many seconds, at most 255. */
  allowSilence(request: Request, seconds: number): void;
}

/** What of a running server a listener needs. */
export interface Peers {
  requestIP(request: Request): { readonly address: string } | null;
  timeout(request: Request, seconds: number): void;
}

/** Where sources that have no address are said to be. */
const THIS_MACHINE = "127.0.0.1";
const REQUEST_ID = /^[A-Za-z0-9._-]{8,64}$/;
/** Headers by which a proxy says that a request is not its own. */
const FORWARDING = ["x-forwarded-for", "forwarded", "x-real-ip"] as const;

/** Requests that had to be made anew, by the ones that came in. */
const originals = new WeakMap<Request, Request>();

/** The same request under a host that the router can read; whoever asks for its peer gets that of the first. */
export function withReadableHost(request: Request, target: string): Request {
  const copy = new Request(`http://localhost${target}`, request);
  originals.set(copy, request);
  return copy;
}

/** The listener on an address. */
export function tcpListener(
  peers: () => Peers,
  options: {
    readonly isTls: boolean;
    readonly hosts: () => ReadonlySet<string>;
    readonly trusted: readonly AddressRange[];
  },
): Listener {
  const { trusted, hosts } = options;
  const peerOf = (request: Request): string =>
    peers().requestIP(originals.get(request) ?? request)?.address ?? "unknown";
  return {
    kind: "tcp",
    security: securityHeaders(options.isTls),
    sourceOf: (request) => {
      const forwardedFor = trusted.length === 0 ? null : request.headers.get("x-forwarded-for");
      return sourceAddress(peerOf(request), forwardedFor, trusted);
    },
    requestIdOf: (request) => {
      if (trusted.length === 0) return undefined;
      const id = request.headers.get("x-request-id");
      return id !== null && REQUEST_ID.test(id) && isInRanges(peerOf(request), trusted) ? id : undefined;
    },
    knowsHost: (request) => isKnownHost(request.headers.get("host"), hosts()),
    // A proxy on this machine that nobody told Writ of would make everyone local.
    isLocal: (request, source) =>
      isLoopbackAddress(source) &&
      (trusted.length > 0 || !FORWARDING.some((name) => request.headers.has(name))) &&
      isKnownHost(request.headers.get("host"), hosts()),
    allowSilence: (request, seconds) => peers().timeout(originals.get(request) ?? request, seconds),
  };
}

/** The operator's socket: who reaches it is known by the mode of its file. */
export function socketListener(peers: () => Peers): Listener {
  return {
    kind: "socket",
    security: securityHeaders(false),
    sourceOf: () => THIS_MACHINE,
    requestIdOf: () => undefined,
    knowsHost: () => true,
    isLocal: () => true,
    allowSilence: (request, seconds) => peers().timeout(originals.get(request) ?? request, seconds),
  };
}
