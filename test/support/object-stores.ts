import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createAddressPolicy } from "#src/io/addresses.ts";
import { createDialer } from "#src/io/dial.ts";
import type { ObjectStore } from "#src/io/object-store.ts";
import { createSender, type S3Location } from "#src/io/object-store-call.ts";
import { createS3Store } from "#src/io/object-store-s3.ts";
import { freePort } from "./binary.ts";
import { peerPath } from "./peer.ts";

/** A bucket of a real S3 server on loopback. */
export interface TestBucket {
  readonly location: S3Location;
  /** Opens it as the product does; the prefix is the location's unless given. */
  open(prefix?: string): ObjectStore;
  /** The settings that lead to it. */
  env(prefix: string): Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

const START_MS = 20_000;

/** versitygw on a folder, with versions and Object Lock. */
export async function startVersitygw(folder: string): Promise<TestBucket> {
  const [data, versions] = [join(folder, "objects"), join(folder, "versions")];
  for (const path of [data, versions]) mkdirSync(path, { recursive: true });
  const port = await freePort();
  const credentials = { accessKey: "test-access", secretKey: "test-secret-key" };
  const child = Bun.spawn(
    [peerPath("versitygw"), "--port", `127.0.0.1:${port}`, "posix", "--versioning-dir", versions, data],
    {
      cwd: folder,
      env: { ROOT_ACCESS_KEY: credentials.accessKey, ROOT_SECRET_KEY: credentials.secretKey, HOME: folder },
      stdin: "ignore",
      stdout: "ignore",
      stderr: "ignore",
    },
  );
  return begin(child, port, credentials, [["x-amz-bucket-object-lock-enabled", "true"]]);
}

/** s3rver on a folder: it takes every lock and holds none. */
export async function startS3rver(folder: string): Promise<TestBucket> {
  mkdirSync(folder, { recursive: true });
  const port = await freePort();
  const child = Bun.spawn(
    [peerPath("node"), peerPath("s3rver"), "--directory", folder, "--port", String(port), "--address", "127.0.0.1"],
    { cwd: folder, env: { HOME: folder }, stdin: "ignore", stdout: "ignore", stderr: "ignore" },
  );
  return begin(child, port, { accessKey: "S3RVER", secretKey: "S3RVER" }, []);
}

async function begin(
  child: { kill(signal?: NodeJS.Signals): void; readonly exited: Promise<number> },
  port: number,
  credentials: S3Location["credentials"],
  headers: readonly (readonly [string, string])[],
): Promise<TestBucket> {
  const location: S3Location = {
    endpoint: `http://127.0.0.1:${port}`,
    region: "us-east-1",
    bucket: "lake",
    prefix: "",
    style: "path",
    credentials,
    encryption: undefined,
  };
  const dialer = createDialer({
    addressPolicy: createAddressPolicy({ grantedRanges: ["127.0.0.0/8"], ownAddresses: [] }),
  });
  const network = { dialer, now: Date.now, random: () => 0.5 };
  const stop = async (): Promise<void> => {
    dialer.close();
    child.kill("SIGKILL");
    await child.exited;
  };
  try {
    const send = createSender(location, network);
    const endsAt = performance.now() + START_MS;
    for (;;) {
      const answer = await send({ method: "PUT", key: "", headers }).catch((error: unknown) => {
        if (performance.now() > endsAt) throw error;
        return undefined;
      });
      if (answer === undefined) continue;
      if (answer.status !== 200) throw new Error(`the bucket was not made: ${answer.status} ${await answer.text()}`);
      await answer.text();
      break;
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    location,
    open: (prefix = "") => createS3Store({ ...location, prefix }, network),
    env: (prefix) => ({
      WRIT_ARCHIVE_URL: `s3://${location.bucket}/${prefix}`,
      WRIT_ARCHIVE_ENDPOINT: location.endpoint,
      WRIT_ARCHIVE_ACCESS_KEY: credentials.accessKey,
      WRIT_ARCHIVE_SECRET_KEY: credentials.secretKey,
    }),
    stop,
  };
}
