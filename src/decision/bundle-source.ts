import { isAbsolute } from "node:path";
import type { Clock } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import type { IdSource } from "#src/base/ids.ts";
import type { Dialer } from "#src/io/dial.ts";
import type { ObjectStore } from "#src/io/object-store.ts";
import { createFolderStore } from "#src/io/object-store-folder.ts";
import { createS3Store } from "#src/io/object-store-s3.ts";
import { parseOrigin } from "#src/io/origin.ts";

/** A folder of this host. */
export interface FolderSource {
  readonly kind: "folder";
  /** Absolute. */
  readonly path: string;
}

/** A bucket of an S3-compatible store. */
export interface BucketSource {
  readonly kind: "s3";
  /** `https://s3.example.com`. */
  readonly endpoint: string;
  readonly bucket: string;
  /** What keys begin with: empty, or ends with `/`. */
  readonly prefix: string;
  readonly region: string;
  readonly access_key: string;
}

/** Where bundles are looked for, without what is secret of it. */
export type BundleSource = FolderSource | BucketSource;

/** Opens sources; the one way out reaches buckets. */
export type OpenBundleSource = (source: BundleSource, secret: string | undefined) => ObjectStore;

const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const PREFIX = /^(?:[A-Za-z0-9=_-][A-Za-z0-9=_.-]*\/)*$/;

/** Makes what opens them. It throws `invalid_argument` for a source that cannot be one. */
export function createBundleSources(dialer: Dialer, clock: Clock, ids: IdSource): OpenBundleSource {
  const random = (): number => new DataView(Uint8Array.from(ids.random(4)).buffer).getUint32(0) / 2 ** 32;
  return (source, secret) => {
    if (source.kind === "folder") {
      if (!isAbsolute(source.path)) throw new WritError("invalid_argument", "the folder is not an absolute path");
      return createFolderStore(source.path);
    }
    const { endpoint, region, bucket, prefix, access_key: accessKey } = source;
    parseOrigin(endpoint);
    if (!BUCKET.test(bucket))
      throw new WritError("invalid_argument", `\`${bucket.slice(0, 80)}\` is no name of a bucket`);
    if (!PREFIX.test(prefix))
      throw new WritError("invalid_argument", "a prefix is made of names that each end with `/`");
    if (secret === undefined) throw new WritError("invalid_argument", "a bucket needs its secret key");
    const credentials = { accessKey, secretKey: secret };
    const location = { endpoint, region, bucket, prefix, style: "path", credentials, encryption: undefined } as const;
    return createS3Store(location, { dialer, now: clock.now, random });
  };
}
