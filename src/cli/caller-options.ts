import type { Option } from "./option.ts";

/** Options of commands that ask as an agent. */
export const CALLER_OPTIONS: readonly Option[] = [
  {
    name: "key-file",
    value: "FILE",
    help: "where the agent's key is; `WRIT_TOKEN`, or this machine's pairing, unless given",
  },
  {
    name: "agent",
    value: "AGENT",
    help: "the agent to act for, by name or id, where a paired machine may act for several",
  },
];
