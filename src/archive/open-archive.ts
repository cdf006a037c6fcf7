import { rmSync } from "node:fs";
import { join } from "node:path";
import type { ArchiveConfig } from "#src/config/archive-config.ts";
import type { S3Dependencies } from "#src/io/object-store-call.ts";
import { openObjectStore } from "#src/io/object-store-open.ts";
import { type Archive, createArchive } from "./archive.ts";
import type { ArchiveDependencies } from "./dependencies.ts";

/** What {@link openArchive} needs. */
export type OpenArchiveDependencies = Omit<ArchiveDependencies, "store" | "config" | "stagingFolder"> & {
  /** Undefined where no archive is kept. */
  readonly config: ArchiveConfig | undefined;
  readonly dataFolder: string;
  readonly network: S3Dependencies;
};

/** The name of the folder for segments on their way, in the data folder. */
export const STAGING_FOLDER = "archive-staging";

/** The archive as the settings say. What a crash left on its way is worth nothing, and is removed. */
export function openArchive({ config, dataFolder, network, ...rest }: OpenArchiveDependencies): Archive {
  const stagingFolder = join(dataFolder, STAGING_FOLDER);
  rmSync(stagingFolder, { recursive: true, force: true });
  if (config === undefined) return createArchive(rest, undefined);
  const { location, ...kept } = config;
  return createArchive(rest, {
    ...rest,
    config: kept,
    store: openObjectStore(location, network),
    stagingFolder,
  });
}
