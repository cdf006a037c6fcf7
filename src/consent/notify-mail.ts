import { isWritError, messageOf, WritError } from "#src/base/errors.ts";
import type { Dialer } from "#src/io/dial.ts";
import { parseOrigin } from "#src/io/origin.ts";
import type { ChannelSettings } from "./notify-channel.ts";
import type { Notice } from "./notify-message.ts";

const CONNECT_MS = 10_000;
const ANSWER_MS = 15_000;

/**
 * Sends a notice by SMTP (RFC 5321), over a connection that `dialer` made: where it may not go, no mail goes. With
 * `starttls` nothing is said before the connection is secure. Throws `upstream_failed`, and what the dialer throws.
 */
export async function sendMail(
  dialer: Pick<Dialer, "dialSocket">,
  settings: Extract<ChannelSettings, { kind: "email" }>,
  notice: Notice,
  signal: AbortSignal,
): Promise<void> {
  const { host, port, security, user, password, from, to } = settings;
  const authority = host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
  // Without TLS of its own: whether and when it begins is SMTP's to say.
  const socket = await dialer.dialSocket(parseOrigin(`http://${authority}:${port}`), { connectMs: CONNECT_MS, signal });
  const end = (): void => void socket.destroy();
  signal.addEventListener("abort", end, { once: true });
  // Loaded with the first mail: most starts send none.
  const { createTransport } = await import("nodemailer");
  const transport = createTransport({
    host,
    port,
    secure: security === "tls",
    requireTLS: security === "starttls",
    ignoreTLS: security === "none",
    ...(user === undefined ? {} : { auth: { user, pass: password ?? "" } }),
    name: "writ",
    disableFileAccess: true,
    disableUrlAccess: true,
    connectionTimeout: CONNECT_MS,
    greetingTimeout: ANSWER_MS,
    socketTimeout: ANSWER_MS,
    getSocket: (_options: unknown, give: (error: Error | null, found: { connection: typeof socket }) => void) =>
      give(null, { connection: socket }),
  });
  try {
    await transport.sendMail({
      from,
      to: [...to],
      subject: notice.title,
      text: `${notice.text}\n\n${notice.url}\n`,
      headers: { "Auto-Submitted": "auto-generated" },
    });
  } catch (error) {
    if (isWritError(error)) throw error;
    throw new WritError("upstream_failed", `the mail server did not take it: ${messageOf(error).slice(0, 200)}`);
  } finally {
    signal.removeEventListener("abort", end);
    transport.close();
    end();
  }
}
