import { isCommand } from "#src/connector/table.ts";

/** The resource of a tool whose calls say nothing of files or commands. */
export const TOOL_TYPE = "Tool";

const TOOL_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,99}$/;

/** Whether an agent can have a tool of this name. */
export function isToolName(name: string): boolean {
  return TOOL_NAME.test(name);
}

/**
 * The command of a tool of which only its name is known: `mcp__github__create_issue` is `/mcp/github/create_issue`, any other
 * `/tool/<name>`. Undefined for what is no tool's name.
 */
export function toolCommandOf(name: string): string | undefined {
  if (!isToolName(name)) return undefined;
  const [, server = "", tool] = /^mcp__(.+?)__(.+)$/.exec(name) ?? [];
  const command = tool === undefined ? `/tool/${segmentOf(name)}` : `/mcp/${segmentOf(server)}/${segmentOf(tool)}`;
  return isCommand(command) ? command : undefined;
}

function segmentOf(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(":", "-")
    .replace(/^[_.-]+/, "");
}
