import { Cron } from "croner";
import { WritError } from "#src/base/errors.ts";

/** When something is due again and again. */
export interface CronSchedule {
  readonly text: string;
  /** The first time after `afterMs`, in milliseconds; undefined where there is none. */
  next(afterMs: number): number | undefined;
}

/**
 * A cron expression of five fields, in UTC: minute, hour, day of the month, month, day of the week.
 * Throws `config_invalid` for what is none, and for one that never comes.
 */
export function parseCron(text: string): CronSchedule {
  const refuse = (cause?: unknown): never => {
    throw new WritError("config_invalid", `\`${text.slice(0, 100)}\` is no cron expression of five fields`, { cause });
  };
  if (text.trim().split(/\s+/).length !== 5) refuse();
  let cron: Cron;
  try {
    cron = new Cron(text, { timezone: "Etc/UTC", paused: true });
  } catch (cause) {
    return refuse(cause);
  }
  const next = (afterMs: number): number | undefined => cron.nextRun(new Date(afterMs))?.getTime();
  if (next(0) === undefined) refuse();
  return { text, next };
}
