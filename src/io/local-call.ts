import { messageOf, WritError } from "#src/base/errors.ts";

/**
 * Asks a helper of this user by a socket of the file system, and gives what it answered. Throws `invalid_argument` with its
 * words where it refused, or where none is there.
 */
export async function callLocal(socket: string, path: string, body: Uint8Array): Promise<unknown> {
  let response: Response;
  try {
    const options = {
      method: "POST",
      body: new Uint8Array(body),
      unix: socket,
      keepalive: false,
      redirect: "error",
    } as const;
    response = await fetch(`http://localhost${path}`, options);
  } catch (cause) {
    throw new WritError("invalid_argument", `nobody answers on \`${socket}\`: ${messageOf(cause)}`, { cause });
  }
  if (response.ok) return response.json();
  throw new WritError("invalid_argument", (await response.text()).slice(0, 1000));
}
