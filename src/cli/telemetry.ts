import { type Column, listOf, printList } from "./answer.ts";
import { instanceCommand } from "./api-command.ts";
import type { CommandGroup } from "./command.ts";

const REQUEST_COLUMNS: readonly Column[] = [
  ["AT", "at"],
  ["METHOD", "method"],
  ["ROUTE", "route"],
  ["STATUS", "status"],
  ["MS", "duration_ms"],
  ["REQUEST", "id"],
];
const PAGE_COLUMNS: readonly Column[] = [
  ["DAY", "day"],
  ["PAGE", "route"],
  ["DRAWN", "drawn"],
];
const LIMIT = [{ name: "limit", value: "N", help: "at most so many; 100 unless given" }] as const;
const BOUNDS = { min: 1, max: 1000 };
const PATH = "/v1/admin/telemetry";

/** What the instance keeps about its own work. No evidence is in it, and nothing of what requests were about. */
export const telemetry: CommandGroup = {
  standard: "requests",
  commands: [
    instanceCommand(
      { name: "requests", summary: "requests that were slow, failed, or are a sample", options: LIMIT },
      async (api, terminal, args) => {
        const answer = await api.get(PATH, { limit: args.count("limit", BOUNDS) });
        const nothing = answer["kept"] === false ? "telemetry is off" : "no requests";
        return printList(terminal, args, listOf(answer, "requests"), REQUEST_COLUMNS, nothing);
      },
    ),
    instanceCommand(
      { name: "pages", summary: "how often each page was drawn, by day", options: LIMIT },
      async (api, terminal, args) => {
        const answer = await api.get(PATH, { limit: args.count("limit", BOUNDS) });
        const nothing = answer["kept"] === false ? "telemetry is off" : "no pages";
        return printList(terminal, args, listOf(answer, "pages"), PAGE_COLUMNS, nothing);
      },
    ),
  ],
};
