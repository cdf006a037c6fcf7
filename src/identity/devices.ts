import { Personal, type Recorder } from "#src/audit/recorder.ts";
import { fromBase64Url } from "#src/base/bytes.ts";
import type { Clock } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import {
  type AgentId,
  type DeviceId,
  type IdSource,
  isId,
  newId,
  type PersonId,
  parseId,
  type SubjectId,
  type TenantId,
  type TokenId,
} from "#src/base/ids.ts";
import { parseName } from "#src/base/names.ts";
import { createSigner, isAcceptableKey, KEY_BYTES } from "#src/crypto/ed25519.ts";
import { issueToken } from "#src/crypto/tokens.ts";
import { readAgent, readAgentByName } from "#src/store/agents.ts";
import {
  type DeviceRow,
  insertDevice,
  readDevice,
  readDeviceByKey,
  readDeviceByName,
  readDeviceByToken,
  readDevices,
  revokeDevice,
} from "#src/store/devices.ts";
import { readPeopleState } from "#src/store/people.ts";
import type { Reader } from "#src/store/reader.ts";
import { cancelRunsOfDevice } from "#src/store/runs.ts";
import { insertToken, readToken, readTokenUse, revokeToken, type TokenUseRow } from "#src/store/tokens.ts";
import type { TenantKeys } from "#src/vault/tenant-keys.ts";
import { type Agent, toAgent } from "./agents.ts";
import type { AgentPrincipal, Principal } from "./authenticate.ts";
import type { SignedParts } from "./device-proof.ts";
import { createPairings, fingerprint, type Pairing, showCode } from "./pairings.ts";
import { createProofWindow } from "./proof-window.ts";

/** A paired machine. */
export interface Device {
  readonly id: DeviceId;
  readonly token: TokenId;
  readonly name: string;
  readonly fingerprint: string;
  /** Those that it may act for. */
  readonly agents: readonly AgentId[];
  /** Who confirmed it; null for whoever holds the host. */
  readonly person: PersonId | null;
  readonly pairedAt: number;
  readonly revokedAt: number | null;
}

/** A machine that waits to be confirmed, as both sides see it. */
export interface PairingView {
  /** `K7QM-3XWD`. */
  readonly code: string;
  readonly name: string;
  readonly fingerprint: string;
  /** The address that it asked from. */
  readonly source: string;
  readonly expiresAt: number;
  readonly state: "waiting" | "confirmed";
}

/** Who confirms a machine. */
export type PairingActor =
  | { readonly kind: "host"; readonly subject: SubjectId }
  | { readonly kind: "person"; readonly subject: SubjectId; readonly person: PersonId };

/** What a machine is told when it asks whether it was confirmed. */
export type Collected =
  | { readonly state: "waiting"; readonly expiresAt: number }
  | { readonly state: "confirmed"; readonly token: string; readonly device: Device; readonly agents: readonly Agent[] };

/** Any credential of kind `device`. */
export type DevicePrincipal = Extract<Principal, { kind: Exclude<Principal["kind"], "agent"> }>;

/** Machines that act for agents: a person confirms each, and each proves with every request that it is the one. */
export interface Devices {
  /** A machine asks to be paired. @param publicKey base64url of 32 bytes. Throws `invalid_argument`, `rate_limited`. */
  request(asked: { readonly publicKey: string; readonly name: string }, source: string): PairingView;
  /** What would be confirmed. Throws `not_found`, `rate_limited`. @param guesser whose wrong codes are counted */
  look(code: string, guesser: SubjectId): PairingView;
  /** Throws `not_found`, `rate_limited`, `name_taken`, `passkey_required` for the host where people have passkeys. */
  confirm(
    tenant: TenantId,
    actor: PairingActor,
    code: string,
    given: { readonly agents: readonly string[]; readonly name?: string },
  ): Promise<Device>;
  /** The machine asks for its token, and proves that it has the key. Throws `device_proof_refused`. */
  collect(code: string, parts: SignedParts): Promise<Collected>;
  list(tenant: TenantId, page: { readonly after?: string; readonly limit?: number }): Promise<Device[]>;
  /** By id, or by the name of one that is not revoked; with its last request. */
  show(tenant: TenantId, device: string): Promise<{ readonly device: Device; readonly lastUse: TokenUseRow | null }>;
  /** From the next request on; its streams are cut and its runs cancelled. */
  revoke(tenant: TenantId, actor: SubjectId, device: DeviceId): Promise<void>;
  /** The device that the token is of, once it proved that it made this request. Throws `unauthenticated`, `device_proof_refused`. */
  prove(principal: DevicePrincipal, parts: SignedParts): Promise<Device>;
  /**
   * The agent that a proven device acts for: the one that it names, or the only one that it may. Throws `not_found` for any
   * that it may not act for, `agent_disabled`, `invalid_argument` where it has to name one.
   */
  actFor(principal: DevicePrincipal, device: Device, agent: string | undefined): Promise<AgentPrincipal>;
}

/** What {@link createDevices} needs. */
export interface DevicesDependencies {
  readonly recorder: Recorder;
  readonly reader: Reader;
  readonly keys: TenantKeys;
  readonly ids: IdSource;
  readonly clock: Clock;
}

const MAX_AGENTS = 50;
/** How long a machine that was confirmed at the last moment has to ask for its token. */
const COLLECT_MS = 60_000;

/** Makes the service of devices. */
export function createDevices({ recorder, reader, keys, ids, clock }: DevicesDependencies): Devices {
  const pairings = createPairings(ids);
  const proofs = createProofWindow(clock.now);
  /** A key that signs nothing. */
  const nobody = createSigner(ids.random(KEY_BYTES)).publicKey;

  const findAgents = async (tenant: TenantId, names: readonly string[]): Promise<readonly AgentId[]> => {
    if (names.length === 0 || names.length > MAX_AGENTS) {
      throw new WritError("invalid_argument", `\`agents\` names 1 to ${MAX_AGENTS} agents that the device acts for`);
    }
    const found = await Promise.all(names.map((name) => findAgent(reader, tenant, name)));
    return [...new Set(found.map(({ id }) => id))].sort();
  };

  const confirm = async (
    tenant: TenantId,
    actor: PairingActor,
    pairing: Pairing,
    name: string,
    agents: readonly AgentId[],
  ): Promise<Device> => {
    if ((await readDeviceByName(reader, tenant, name)) !== undefined) throw new WritError("name_taken");
    if ((await readDeviceByKey(reader, tenant, pairing.publicKey)) !== undefined) {
      throw new WritError("name_taken", "a device has this key already: have the machine make another");
    }
    const now = clock.now();
    const issued = issueToken("device", ids);
    const subject = newId("subject", ids);
    const row: DeviceRow = {
      deviceId: newId("device", ids),
      subjectId: subject,
      tokenId: issued.id,
      name,
      publicKey: pairing.publicKey,
      agents: JSON.stringify(agents),
      personId: actor.kind === "person" ? actor.person : null,
      pairedAt: now,
      revokedAt: null,
    };
    const token = {
      tokenId: issued.id,
      kind: "device",
      subjectId: subject,
      agentId: null,
      name,
      environment: "live",
      hash: issued.hash,
      sources: "[]",
      createdAt: now,
      expiresAt: null,
      revokedAt: null,
    } as const;
    await recorder.record({
      tenant,
      type: "device.paired",
      actor: actor.subject,
      statements: [keys.createSubjectKey(tenant, subject), ...insertToken(tenant, token), insertDevice(tenant, row)],
      data: {
        device: row.deviceId,
        key: row.tokenId,
        subject,
        public_key: pairing.publicKey.toHex(),
        agents,
        person: row.personId,
        name: new Personal(subject, name),
        source: new Personal(subject, pairing.source),
      },
      raisesEpoch: true,
    });
    pairing.issued = { tenant, device: row.deviceId, token: issued.text };
    pairing.endsAt = Math.max(pairing.endsAt, now + COLLECT_MS);
    return toDevice(row);
  };

  const find = async (tenant: TenantId, device: string): Promise<DeviceRow> => {
    const row = isId("device", device)
      ? await readDevice(reader, tenant, device)
      : await readDeviceByName(reader, tenant, device);
    if (row === undefined) throw new WritError("not_found", "there is no such device");
    return row;
  };

  return {
    request: ({ publicKey, name }, source) =>
      viewPairing(pairings.add(parseKey(publicKey), parseName(name, "name"), source, clock.now())),
    look: (code, guesser) => viewPairing(pairings.find(code, guesser, clock.now())),
    confirm: async (tenant, actor, code, given) => {
      if (actor.kind === "host" && (await readPeopleState(reader, tenant)) !== undefined) {
        throw new WritError("passkey_required");
      }
      const pairing = pairings.find(code, actor.subject, clock.now());
      const agents = await findAgents(tenant, given.agents);
      const name = given.name === undefined ? pairing.name : parseName(given.name, "name");
      if (pairing.state !== "waiting") throw new WritError("not_found", "the machine with this code was confirmed");
      pairing.state = "confirming";
      try {
        const device = await confirm(tenant, actor, pairing, name, agents);
        pairing.state = "confirmed";
        return device;
      } catch (error) {
        pairing.state = "waiting";
        throw error;
      }
    },
    collect: async (code, parts) => {
      const pairing = pairings.peek(code, clock.now());
      // A code that is none answers as one of another machine does: nobody finds codes out here.
      proofs.take(pairing?.publicKey ?? nobody, parts);
      if (pairing === undefined) throw new WritError("not_found");
      const { issued, endsAt } = pairing;
      if (issued === undefined) return { state: "waiting", expiresAt: endsAt };
      const device = toDevice(await find(issued.tenant, issued.device));
      if (device.revokedAt !== null) throw new WritError("not_found");
      const agents = await Promise.all(device.agents.map((agent) => findAgent(reader, issued.tenant, agent)));
      return { state: "confirmed", token: issued.token, device, agents };
    },
    list: async (tenant, { after = "", limit = 100 }) =>
      (await readDevices(reader, tenant, after, limit)).map(toDevice),
    show: async (tenant, device) => {
      const row = await find(tenant, device);
      return { device: toDevice(row), lastUse: (await readTokenUse(reader, tenant, row.tokenId)) ?? null };
    },
    revoke: async (tenant, actor, device) => {
      const row = await find(tenant, device);
      if (row.revokedAt !== null) return;
      const now = clock.now();
      // A bundle of revocations may have been there before.
      const token = await readToken(reader, tenant, row.tokenId);
      await recorder.record({
        tenant,
        type: "device.revoked",
        actor,
        statements: [
          revokeDevice(tenant, device, now),
          ...(token?.revokedAt === null ? [revokeToken(tenant, row.tokenId, now)] : []),
          cancelRunsOfDevice(tenant, device, now),
        ],
        data: { device, key: row.tokenId },
        raisesEpoch: true,
        ignoresClock: true,
      });
    },
    prove: async ({ tenant, token }, parts) => {
      const row = await readDeviceByToken(reader, tenant, token);
      if (row === undefined || row.revokedAt !== null) throw new WritError("unauthenticated");
      proofs.take(row.publicKey, parts);
      return toDevice(row);
    },
    actFor: async ({ tenant, token, environment }, device, named) => {
      const [only, another] = device.agents;
      if (named === undefined && another !== undefined) {
        throw new WritError("invalid_argument", "the device acts for several agents: `Writ-Agent` says which");
      }
      const agent = await findAgent(reader, tenant, named ?? only ?? "");
      if (!device.agents.includes(agent.id)) throw new WritError("not_found", "there is no such agent");
      if (agent.status !== "active") throw new WritError("agent_disabled");
      const { id, person } = device;
      return { kind: "agent", tenant, subject: agent.subject, token, environment, agent, device: { id, person } };
    },
  };
}

async function findAgent(reader: Reader, tenant: TenantId, name: string): Promise<Agent> {
  const row = isId("agent", name) ? await readAgent(reader, tenant, name) : await readAgentByName(reader, tenant, name);
  if (row === undefined) throw new WritError("not_found", "there is no such agent");
  return toAgent(row);
}

function parseKey(text: string): Uint8Array {
  let key: Uint8Array;
  try {
    key = fromBase64Url(text);
  } catch (cause) {
    throw new WritError("invalid_argument", "`public_key` is not base64url", { cause });
  }
  if (!isAcceptableKey(key)) throw new WritError("invalid_argument", "`public_key` is no acceptable Ed25519 key");
  return key;
}

function toDevice(row: DeviceRow): Device {
  return {
    id: row.deviceId,
    token: row.tokenId,
    name: row.name,
    fingerprint: fingerprint(row.publicKey),
    agents: JSON.parse(row.agents) as AgentId[],
    person: row.personId === null ? null : parseId("person", row.personId),
    pairedAt: row.pairedAt,
    revokedAt: row.revokedAt,
  };
}

function viewPairing({ code, publicKey, name, source, endsAt, state }: Pairing): PairingView {
  return {
    code: showCode(code),
    name,
    fingerprint: fingerprint(publicKey),
    source,
    expiresAt: endsAt,
    state: state === "confirmed" ? "confirmed" : "waiting",
  };
}
