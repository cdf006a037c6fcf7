import type { StoreLocation } from "#src/config/archive-config.ts";
import type { ObjectStore } from "./object-store.ts";
import type { S3Dependencies } from "./object-store-call.ts";
import { createFolderStore } from "./object-store-folder.ts";
import { createS3Store } from "./object-store-s3.ts";

/** Opens the store at a location; nothing is asked of it yet. */
export function openObjectStore(location: StoreLocation, dependencies: S3Dependencies): ObjectStore {
  return location.kind === "folder" ? createFolderStore(location.path) : createS3Store(location, dependencies);
}
