import type { TenantId } from "#src/base/ids.ts";

/** What the key of a backup is wrapped for: the instance, of which nothing but the header is known when it is opened. */
export const BACKUP_TENANT = "instance" as TenantId;

/** The record that it is wrapped for. */
export function backupRecord(masterKeyId: string): string {
  return `backup ${masterKeyId}`;
}

const NAME = /(?:^|\/)writ-[A-Za-z0-9_]+-(\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2}-\d{3}Z)\.backup$/;

/** The name of a backup. `madeAt` is RFC 3339 with milliseconds. */
export function backupName(instance: string, madeAt: string): string {
  return `writ-${instance}-${madeAt.replace(/[:.]/g, "-")}.backup`;
}

/** When the backup of this name was made, in a form that sorts by time; undefined for the name of anything else. */
export function timeOfBackup(name: string): string | undefined {
  return NAME.exec(name)?.[1];
}
