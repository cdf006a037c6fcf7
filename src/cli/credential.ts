import { fieldsOf } from "./answer.ts";
import type { Arguments } from "./arguments.ts";
import type { Answer } from "./client.ts";
import type { Option } from "./option.ts";
import type { Terminal } from "./terminal.ts";

/** What bounds a credential that Writ issues. */
export const credentialOptions: readonly Option[] = [
  { name: "name", value: "NAME", help: "what it is called in lists" },
  { name: "expires", value: "DURATION", help: "how long it is good, such as `30d`; without end unless given" },
  { name: "source", value: "CIDR", many: true, help: "an address or range that it may be used from; any unless given" },
];

/** The same as the API takes it. */
export function credentialRequest(args: Arguments): Record<string, unknown> {
  const name = args.option("name");
  const expires = args.seconds("expires");
  const sources = args.list("source");
  return {
    ...(name === undefined ? {} : { name }),
    ...(expires === undefined ? {} : { expires_in_seconds: expires }),
    ...(sources.length === 0 ? {} : { sources }),
  };
}

/**
 * Prints a credential that was just issued. The text of it is the one line on standard output, so that it can be piped
 * into a file; what else there is to know goes to standard error.
 */
export async function printIssued(
  terminal: Terminal,
  args: Arguments,
  issued: Answer,
  member: "key" | "token",
): Promise<0> {
  if (args.has("json")) {
    await terminal.printJson(issued);
    return 0;
  }
  const { [member]: secret, ...info } = issued;
  for (const [name, value] of fieldsOf(info)) if (value !== "") await terminal.note(`${name}: ${value}`);
  await terminal.note("this is shown once; keep it where secrets are kept:");
  await terminal.print(String(secret));
  return 0;
}
