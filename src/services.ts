import { join } from "node:path";
import { BACKUP_TENANT, backupRecord } from "#src/archive/backup-key.ts";
import { createBackups } from "#src/archive/backups.ts";
import { openArchive, STAGING_FOLDER } from "#src/archive/open-archive.ts";
import { createCheckpoints } from "#src/audit/checkpoints.ts";
import { createProofs } from "#src/audit/proofs.ts";
import { createRecordServices } from "#src/audit/record-services.ts";
import { createRecorder, type Recorder } from "#src/audit/recorder.ts";
import { createTally } from "#src/audit/tally.ts";
import { createWitnesses } from "#src/audit/witnesses.ts";
import type { Clock } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import type { IdSource } from "#src/base/ids.ts";
import type { Log } from "#src/base/log.ts";
import type { Capacity } from "#src/capacity.ts";
import { loadShellClassifier } from "#src/classify/classify-shell.ts";
import type { Config } from "#src/config/config.ts";
import type { KeyPurpose } from "#src/config/key-line.ts";
import type { KeyMaterial } from "#src/config/key-material.ts";
import { createApprovals } from "#src/consent/approvals.ts";
import { createApproverGroups } from "#src/consent/approver-groups.ts";
import { createCosigner } from "#src/consent/cosigner.ts";
import { createApprovalDecisions } from "#src/consent/decisions.ts";
import { createEmergencies } from "#src/consent/emergencies.ts";
import { createApprovalFeed } from "#src/consent/feed.ts";
import { createNotifications } from "#src/consent/notifications.ts";
import { createEnrolment } from "#src/consent/passkey-enrolment.ts";
import { createSignIn } from "#src/consent/passkey-sign-in.ts";
import { createPasskeys } from "#src/consent/passkeys.ts";
import { createSpool } from "#src/consent/spool.ts";
import { createStops } from "#src/consent/stops.ts";
import { createWaiters } from "#src/consent/waiters.ts";
import { type Authority, createAuthority } from "#src/decision/authority.ts";
import { createBundleSources } from "#src/decision/bundle-source.ts";
import { createDecider } from "#src/decision/decide.ts";
import { createEntities } from "#src/decision/entities.ts";
import { createExplanations } from "#src/decision/explanations.ts";
import { createRateLimiter } from "#src/decision/limits.ts";
import { observeDecisions } from "#src/decision/observe.ts";
import { createPdp } from "#src/decision/pdp.ts";
import { createPdpSearch } from "#src/decision/pdp-search.ts";
import { createPolicyBuilder } from "#src/decision/policy-builder.ts";
import { createPolicyBundles } from "#src/decision/policy-bundles.ts";
import { createPolicyPolling } from "#src/decision/policy-polling.ts";
import { createPolicySchemas } from "#src/decision/policy-schemas.ts";
import { createPolicyTestRuns } from "#src/decision/policy-test-runs.ts";
import { createPolicyValidator } from "#src/decision/policy-validator.ts";
import { createPolicyVersions } from "#src/decision/policy-versions.ts";
import { createPolicyReplays } from "#src/decision/replays.ts";
import { createRevocations } from "#src/decision/revoke.ts";
import { createShadows } from "#src/decision/shadows.ts";
import { createSchemaGround } from "#src/decision/tenant-schema.ts";
import { createTypeMaps } from "#src/decision/type-map.ts";
import { createWritChecker } from "#src/decision/writ.ts";
import { createActiveCalls } from "#src/gateway/active-calls.ts";
import { createForwarder } from "#src/gateway/forward.ts";
import { createGateway } from "#src/gateway/proxy.ts";
import { createConnectionTester } from "#src/gateway/test-connection.ts";
import type { HttpServices } from "#src/http/services.ts";
import { createAgents } from "#src/identity/agents.ts";
import { createAuthenticator } from "#src/identity/authenticate.ts";
import { createDevices } from "#src/identity/devices.ts";
import { createInvitations } from "#src/identity/invitations.ts";
import { createPeople } from "#src/identity/people.ts";
import { createRecovery } from "#src/identity/recovery.ts";
import { createSessions } from "#src/identity/sessions.ts";
import { createTenants } from "#src/identity/tenants.ts";
import { createTokens } from "#src/identity/tokens.ts";
import type { Dialer } from "#src/io/dial.ts";
import { createAuthorizer } from "#src/policy/authorizer.ts";
import { loadCedar } from "#src/policy/cedar.ts";
import { createReceipts } from "#src/runs/receipts.ts";
import { createRuns } from "#src/runs/runs.ts";
import { createTimelines } from "#src/runs/timeline.ts";
import { createToolServices } from "#src/runs/tool-services.ts";
import { readTenants } from "#src/store/instance.ts";
import type { Reader } from "#src/store/reader.ts";
import type { ReaderPool } from "#src/store/reader-pool.ts";
import type { Writer } from "#src/store/writer.ts";
import type { WritMetrics } from "#src/telemetry/requests.ts";
import { statusClass } from "#src/telemetry/requests.ts";
import { createConnections } from "#src/vault/connections.ts";
import { createConnectors } from "#src/vault/connectors.ts";
import { Keyring } from "#src/vault/keyring.ts";
import { createKeyRotation, firstSealKey } from "#src/vault/rotation.ts";
import { createScrubber } from "#src/vault/scrubber.ts";
import { createTenantKeys } from "#src/vault/tenant-keys.ts";

/** Every service of a running instance: what its edge asks for, and what tests and the composition reach besides. */
export interface Services extends HttpServices {
  readonly authority: Authority;
  readonly recorder: Recorder;
}

/** What services stand on. */
export interface Ground {
  readonly config: Config;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly log: Log;
  readonly writer: Writer;
  readonly reader: Reader;
  readonly pool: ReaderPool;
  /** A thread for the archive alone, so that nobody waits behind a segment; `pool` unless given. */
  readonly archivePool?: ReaderPool;
  readonly dialer: Dialer;
  readonly metrics: WritMetrics;
  readonly capacity: Capacity;
  readonly keyMaterial: KeyMaterial;
  /** Adds a key where the instance keeps its material and returns all of it. */
  readonly addKey: (purpose: KeyPurpose) => KeyMaterial;
}

/** Parsed slices of policies that are kept: some 5 KiB a policy each. */
const MAX_POLICY_SETS = 512;
/** The same of versions that are only tried. */
const MAX_SHADOW_SETS = 128;

/** Makes all services, and what a new instance consists of where it is not there yet. */
export async function createServices(ground: Ground): Promise<Services> {
  const { config, clock, ids, log, writer, reader, pool, dialer, metrics, capacity } = ground;
  const { limits, publicUrl } = config;
  loadCedar();
  const keyring = new Keyring(ground.keyMaterial);
  keyring.useTokenSigner(writer.useTokenKey);
  const keys = createTenantKeys({ keyring, reader, ids });
  const recorder = createRecorder({ writer, sealer: keys, ids });
  const epochOf = recorder.epochOf;
  const tenants = createTenants({ recorder, reader, keys, ids, clock });
  const instance = await tenants.provision(firstSealKey(keyring));
  const rotation = createKeyRotation({
    keyring,
    keys,
    recorder,
    reader,
    clock,
    instanceTenant: instance.tenant,
    addKey: ground.addKey,
    useSealKey: writer.useSealKey,
  });
  await rotation.publishSealKeys(instance.operator);

  const people = createPeople({ recorder, reader, keys, ids, clock });
  const invitations = createInvitations({ recorder, reader, people, ids, clock, log, publicUrl });
  const isSecureOrigin = publicUrl.startsWith("https:");
  const sessions = createSessions({ recorder, reader, people, keys, ids, clock, isSecureOrigin });
  const passkeys = createPasskeys({ reader, keys, clock, publicUrl });
  const signingIn = { recorder, reader, people, invitations, sessions, passkeys, keys, ids, clock, publicUrl };

  const connectors = createConnectors({ recorder, reader, clock });
  const connections = createConnections({
    recorder,
    reader,
    keys,
    ids,
    clock,
    checkConnector: async (tenant, connector) => {
      if ((await connectors.find(tenant, connector)) === undefined) {
        throw new WritError("invalid_argument", `there is no connector \`${connector.slice(0, 64)}\``);
      }
    },
  });
  const vouching = {
    recorder,
    reader,
    keys,
    people,
    passkeys,
    ids,
    clock,
    spool: createSpool(join(config.dataFolder, "spool"), keys),
    cosigner: createCosigner(keyring, reader, ids),
    waiters: createWaiters(),
    feed: createApprovalFeed(),
  };
  const approvals = createApprovals({ ...vouching, ttlSeconds: limits.approvalTtlSeconds });
  const emergencies = createEmergencies(vouching);
  const scrubber = createScrubber(connections);
  const runs = createRuns({ recorder, reader, keys, scrubber, ids, clock });
  const { governor, ...toolServices } = createToolServices({
    recorder,
    reader,
    ids,
    clock,
    instanceTenant: instance.tenant,
    dataFolder: config.dataFolder,
    signer: rotation.signer,
  });
  const authority = createAuthority({
    reader,
    connections,
    connectors,
    hostGround: { loadClassifier: loadShellClassifier, scrubber },
    epochOf,
  });
  const authorizer = createAuthorizer({ maxSets: MAX_POLICY_SETS });
  const shadowAuthorizer = createAuthorizer({ maxSets: MAX_SHADOW_SETS });
  const checkCapacity = capacity.check;
  const decider = observeDecisions(
    createDecider({
      authority,
      authorizer,
      shadowAuthorizer,
      approvals,
      emergencies,
      governor,
      reader,
      recorder,
      keyring,
      ids,
      clock,
      checkCapacity,
    }),
    metrics,
  );
  const typeMaps = createTypeMaps({ recorder, reader, clock });
  const asking = { authority, authorizer, shadowAuthorizer, typeMaps, recorder, reader, ids, clock, checkCapacity };
  const active = createActiveCalls();
  const forwarder = createForwarder({
    connections,
    dialer,
    recorder,
    active,
    clock,
    log,
    publicUrl,
    maxResponseBytes: limits.maxResponseBytes,
    observe: ({ status, connector, milliseconds, findings }) => {
      metrics.upstreamCalls.add(1, connector, status === undefined ? "failed" : statusClass(status));
      metrics.upstreamDuration.observe(milliseconds / 1000, connector);
      for (const [kind, count] of findings) metrics.redactions.add(count, kind);
    },
  });
  const writs = createWritChecker({ reader, keyring, clock, epochOf });
  const gateway = createGateway({
    decider,
    writs,
    approvals,
    authority,
    authorizer,
    forwarder,
    active,
    recorder,
    reader,
    ids,
    clock,
    limits,
    checkCapacity,
  });
  const schemaGround = createSchemaGround({ connectors, reader });
  const validator = createPolicyValidator({ ground: schemaGround, reader, pool });
  const policies = createPolicyVersions({ recorder, reader, pool, validator, authority, clock });
  const policyBundles = createPolicyBundles({ recorder, reader, pool, validator, clock });
  const proofs = createProofs(reader);
  const storeNetwork = {
    dialer,
    now: clock.now,
    random: () => new DataView(Uint8Array.from(ids.random(4)).buffer).getUint32(0) / 2 ** 32,
  };
  const agents = createAgents({ recorder, reader, keys, ids, clock });
  return {
    devices: createDevices({ recorder, reader, keys, ids, clock }),
    runs,
    receipts: createReceipts({ recorder, reader, runs, keys, scrubber, ids, clock }),
    timelines: createTimelines({ reader, runs, keys }),
    instance,
    authenticator: createAuthenticator({ reader, clock, epochOf }),
    tenants,
    agents,
    people,
    invitations,
    recovery: createRecovery({ recorder, reader, invitations, ids, clock }),
    sessions,
    passkeys,
    enrolment: createEnrolment(signingIn),
    signIn: createSignIn(signingIn),
    tokens: createTokens({ recorder, reader, keys, ids, clock }),
    connections,
    connectors,
    ...toolServices,
    connectionTester: createConnectionTester({ connections, dialer, recorder }),
    policies,
    policyBundles,
    policyPolling: createPolicyPolling({
      bundles: policyBundles,
      recorder,
      reader,
      keys,
      ids,
      clock,
      openStore: createBundleSources(dialer, clock, ids),
    }),
    policyBuilder: createPolicyBuilder(pool),
    policyTests: createPolicyTestRuns({ ground: schemaGround, versions: policies, reader, pool }),
    policySchemas: createPolicySchemas({ recorder, reader, validator, clock }),
    explanations: createExplanations({ authority, agents, opener: keys, recorder, reader, pool, clock }),
    shadows: createShadows({ recorder, reader, pool, clock }),
    replays: createPolicyReplays({ keys, reader, pool, validator }),
    approvals,
    approvalDecisions: createApprovalDecisions({ ...vouching, detailsOf: approvals.summary }),
    approvalFeed: vouching.feed,
    approverGroups: createApproverGroups(recorder, reader),
    emergencies,
    stops: createStops({ recorder, reader, keys, ids, clock }),
    notifications: createNotifications({ recorder, reader, keys, dialer, ids, clock, publicUrl }),
    authority,
    decider,
    pdp: createPdp(asking),
    pdpSearch: createPdpSearch({ ...asking, connectors }),
    entities: createEntities({ recorder, reader, ids, clock }),
    typeMaps,
    gateway,
    revocations: createRevocations(recorder, clock),
    rotation,
    checkpoints: createCheckpoints({
      recorder,
      reader,
      clock,
      log,
      instance,
      every: config.checkpointEvery,
      signer: rotation.signer,
    }),
    proofs,
    witnesses: createWitnesses({ recorder, reader, clock, log, dialer, proofs, instanceTenant: instance.tenant }),
    backups: createBackups({
      recorder,
      pool: ground.archivePool ?? pool,
      clock,
      ids,
      instance,
      wrapKey: (key) => keyring.wrap(BACKUP_TENANT, backupRecord(keyring.masterKeyId), key),
      checkCapacity,
      location: config.backup,
      dataFolder: config.dataFolder,
      stagingFolder: join(config.dataFolder, STAGING_FOLDER),
      network: storeNetwork,
    }),
    archive: openArchive({
      recorder,
      reader,
      pool: ground.archivePool ?? pool,
      clock,
      log,
      instanceId: instance.instanceId,
      signer: rotation.signer,
      checkCapacity,
      listTenants: async () => (await readTenants(reader)).map(({ tenantId }) => tenantId),
      config: config.archive,
      dataFolder: config.dataFolder,
      network: storeNetwork,
    }),
    ...createRecordServices({
      recorder,
      reader,
      pool,
      keys,
      dialer,
      ids,
      clock,
      publicUrl,
      dataFolder: config.dataFolder,
      instanceTenant: instance.tenant,
      profileOf: people.show,
      observeStream: (tenant, name, lag) => metrics.streamLag.set(lag, tenant, name),
    }),
    recorder,
    tally: createTally(recorder, log),
    limiter: createRateLimiter({
      perSource: limits.ratePerSource,
      perAgent: limits.ratePerAgent,
      perTenant: limits.ratePerTenant,
    }),
    reader,
  };
}
