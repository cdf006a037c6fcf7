/** Where a signed-in browser keeps its session, and how it is told to. */
export interface SessionCookie {
  /** The session's cookie in a `Cookie` header (RFC 6265 section 4.2); undefined where it is missing or there twice. */
  read(header: string | null): string | undefined;
  /** `Set-Cookie` for a new session. */
  set(value: string, maxAgeSeconds: number): string;
  /** `Set-Cookie` that removes it. */
  clear(): string;
}

/**
 * The cookie for a public address.
 *
 * Over HTTPS its name begins with `__Host-` (RFC 6265bis section 4.1.3.2): no subdomain and no plain request can have set it.
 * On plain localhost, where cookies reach every port, that is not to be had; the session is bound to the device there.
 */
export function sessionCookie(publicUrl: string): SessionCookie {
  const isSecure = publicUrl.startsWith("https:");
  const name = isSecure ? "__Host-writ-session" : "writ-session";
  const attributes = `Path=/; HttpOnly; SameSite=Strict${isSecure ? "; Secure" : ""}`;
  return {
    read: (header) => {
      if (header === null) return undefined;
      const found = header
        .split(";")
        .map((pair) => pair.trim())
        .filter((pair) => pair.startsWith(`${name}=`))
        .map((pair) => pair.slice(name.length + 1));
      return found.length === 1 ? found[0] : undefined;
    },
    set: (value, maxAgeSeconds) => `${name}=${value}; Max-Age=${maxAgeSeconds}; ${attributes}`,
    clear: () => `${name}=; Max-Age=0; ${attributes}`,
  };
}
