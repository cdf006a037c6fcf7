import { access, constants } from "node:fs/promises";
import { type Clock, toRfc3339 } from "#src/base/clock.ts";
import { messageOf } from "#src/base/errors.ts";
import { CLOCK_TOLERANCE_MS } from "#src/store/committer.ts";
import { readHead } from "#src/store/events.ts";
import { readInstance, readTenants } from "#src/store/instance.ts";
import { readStaleTenants } from "#src/store/policy-bundles.ts";
import type { Reader } from "#src/store/reader.ts";

/** One thing that must be well. */
export interface ReadinessCheck {
  readonly name: "store" | "disk" | "clock" | "policies" | "server";
  readonly ok: boolean;
  /** For whoever runs the instance. */
  readonly detail: string;
}

/** What is looked at. */
export interface ReadinessGround {
  readonly reader: Reader;
  readonly dataFolder: string;
  readonly clock: Clock;
  /** Throws when the disk is at its reserve. */
  readonly checkCapacity: () => void;
  readonly isStopping: () => boolean;
}

/** How long an answer stands: whoever asks every moment costs no more. */
const FRESH_MS = 1000;

/** Makes the look at what a server needs to grant anything. */
export function createReadiness(ground: ReadinessGround): () => Promise<readonly ReadinessCheck[]> {
  let known: { readonly at: number; readonly checks: Promise<readonly ReadinessCheck[]> } | undefined;
  return async () => {
    const now = performance.now();
    if (known === undefined || now - known.at >= FRESH_MS) {
      known = {
        at: now,
        checks: Promise.all([checkStore(ground), checkDisk(ground), checkClock(ground), checkPolicies(ground)]),
      };
    }
    const stopping = ground.isStopping();
    const server: ReadinessCheck = { name: "server", ok: !stopping, detail: stopping ? "stopping" : "accepting" };
    return [server, ...(await known.checks)];
  };
}

function checkStore({ reader, dataFolder }: ReadinessGround): Promise<ReadinessCheck> {
  return check("store", async () => {
    if ((await readInstance(reader)) === undefined) throw new Error("there is no instance");
    await access(dataFolder, constants.W_OK);
    return "reads, and its folder takes writes";
  });
}

function checkDisk({ checkCapacity }: ReadinessGround): Promise<ReadinessCheck> {
  return check("disk", async () => {
    checkCapacity();
    return "above the reserve";
  });
}

function checkClock({ reader, clock }: ReadinessGround): Promise<ReadinessCheck> {
  return check("clock", async () => {
    const now = clock.now();
    const accepted = (await readInstance(reader))?.clockAcceptedAt ?? null;
    if (accepted !== null && now >= accepted - CLOCK_TOLERANCE_MS) return "accepted by the operator";
    for (const { tenantId, name } of await readTenants(reader)) {
      const head = await readHead(reader, tenantId);
      const behind = (head?.at ?? 0) - now;
      if (behind > CLOCK_TOLERANCE_MS) throw new Error(`${behind} ms behind the newest event of \`${name}\``);
    }
    return "not behind any chain";
  });
}

/**
 * A tenant whose policies are older than they may be grants nothing. That is said of each; the instance is not ready only
 * where it is so of all: one tenant's bundle must not take the others' server away.
 */
function checkPolicies({ reader, clock }: ReadinessGround): Promise<ReadinessCheck> {
  return check("policies", async () => {
    const stale = await readStaleTenants(reader, clock.now());
    if (stale.length === 0) return "none is older than it may be";
    const names = stale.map(({ name, staleAt }) => `\`${name}\` since ${toRfc3339(staleAt)}`);
    const detail = `older than their bundle says they may be: ${names.join(", ")}`;
    const tenants = (await readTenants(reader)).filter(
      ({ kind, status }) => kind === "customer" && status === "active",
    );
    if (stale.length === tenants.length) throw new Error(detail);
    return detail;
  });
}

async function check(name: ReadinessCheck["name"], look: () => Promise<string>): Promise<ReadinessCheck> {
  try {
    return { name, ok: true, detail: await look() };
  } catch (error) {
    return { name, ok: false, detail: messageOf(error) };
  }
}
