import { fromUtf8 } from "#src/base/bytes.ts";
import type { TenantId } from "#src/base/ids.ts";
import type { Reader } from "./reader.ts";
import type { Statement } from "./unit.ts";

/** An immutable version of a tenant's policies. */
export interface PolicyVersionRow {
  readonly version: number;
  /** Cedar text as it was given. */
  readonly source: string;
  readonly sha256: string;
  /** Subject id. */
  readonly author: string;
  readonly message: string;
  readonly createdAt: number;
  /** Version of the schema's extension that it was validated against; 0: none. */
  readonly schemaVersion: number;
  /** How many policies it has; null where nobody counted. */
  readonly policies: number | null;
}

/** A version without its text. */
export type PolicyVersionSummary = Omit<PolicyVersionRow, "source">;

/** One time that a version began to decide. */
export interface ActivationRow {
  /** From 1, without gaps. */
  readonly activation: number;
  readonly version: number;
  readonly schemaVersion: number;
  readonly previous: number;
  readonly kind: "activated" | "rolled_back";
  /** Subject id. */
  readonly actor: string;
  readonly at: number;
}

const SUMMARY = `version, sha256, author, message, created_at AS createdAt, schema_version AS schemaVersion, policies`;
const ACTIVATION = "activation, version, schema_version AS schemaVersion, previous, kind, actor, at";

/** What is stored of a version besides its summary, made by the reader's thread. */
export interface PackedPolicies {
  /** Zstd over the source. */
  readonly source: Uint8Array;
  /** Each zstd over a JSON array of compiled policies, in the order of the source. */
  readonly pieces: readonly Uint8Array[];
}

/** The version and its compiled form. */
export function insertPolicyVersion(
  tenant: TenantId,
  row: PolicyVersionSummary,
  { source, pieces }: PackedPolicies,
): readonly Statement[] {
  const { version, sha256, author, message, createdAt, schemaVersion, policies } = row;
  return [
    {
      sql: `INSERT INTO policy_versions
        (tenant_id, version, source, compiled, sha256, author, message, created_at, schema_version, policies, packed)
        VALUES (?, ?, '', '[]', ?, ?, ?, ?, ?, ?, ?)`,
      params: [tenant, version, sha256, author, message, createdAt, schemaVersion, policies, source],
      expectRows: 1,
    },
    ...pieces.map((piece, place) => ({
      sql: "INSERT INTO policy_pieces (tenant_id, version, piece, compiled) VALUES (?, ?, ?, ?)",
      params: [tenant, version, place, piece],
      expectRows: 1,
    })),
  ];
}

export function insertActivation(tenant: TenantId, row: ActivationRow): Statement {
  const { activation, version, schemaVersion, previous, kind, actor, at } = row;
  return {
    sql: `INSERT INTO policy_activations (tenant_id, activation, version, schema_version, previous, kind, actor, at)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    params: [tenant, activation, version, schemaVersion, previous, kind, actor, at],
    expectRows: 1,
  };
}

export async function readPolicyVersion(
  reader: Reader,
  tenant: TenantId,
  version: number,
): Promise<PolicyVersionRow | undefined> {
  const row = await reader.get<PolicyVersionRow & { readonly packed: Uint8Array | null }>(
    `SELECT ${SUMMARY}, source, packed FROM policy_versions WHERE tenant_id = ? AND version = ?`,
    [tenant, version],
  );
  if (row === undefined) return undefined;
  const { packed, ...rest } = row;
  return packed === null ? rest : { ...rest, source: unpackText(packed) };
}

/** A text in the form that it is stored in. */
export function packText(text: string): Uint8Array {
  return Bun.zstdCompressSync(text);
}

/** The inverse of {@link packText}. */
export function unpackText(packed: Uint8Array): string {
  return fromUtf8(Bun.zstdDecompressSync(packed));
}

/** Without its text, which can be long. */
export function readPolicySummary(
  reader: Reader,
  tenant: TenantId,
  version: number,
): Promise<PolicyVersionSummary | undefined> {
  return reader.get(`SELECT ${SUMMARY} FROM policy_versions WHERE tenant_id = ? AND version = ?`, [tenant, version]);
}

/** Newest first, below `before`, at most `limit`. */
export function readPolicyVersions(
  reader: Reader,
  tenant: TenantId,
  before: number,
  limit: number,
): Promise<PolicyVersionSummary[]> {
  return reader.all(
    `SELECT ${SUMMARY} FROM policy_versions WHERE tenant_id = ? AND version < ? ORDER BY version DESC LIMIT ?`,
    [tenant, before, limit],
  );
}

/** One piece of a version's compiled form; undefined behind the last. */
export function readPolicyPiece(
  reader: Reader,
  tenant: TenantId,
  version: number,
  piece: number,
): Promise<{ readonly compiled: Uint8Array } | undefined> {
  return reader.get(POLICY_PIECE, [tenant, version, piece]);
}

/** Of tenant, version and piece. */
export const POLICY_PIECE = "SELECT compiled FROM policy_pieces WHERE tenant_id = ? AND version = ? AND piece = ?";

/** The compiled form of a version of before there were pieces: JSON. */
export function readWholeCompiled(
  reader: Reader,
  tenant: TenantId,
  version: number,
): Promise<{ readonly compiled: string } | undefined> {
  return reader.get(WHOLE_COMPILED, [tenant, version]);
}

/** Of tenant and version. */
export const WHOLE_COMPILED = "SELECT compiled FROM policy_versions WHERE tenant_id = ? AND version = ?";

/** Newest first, at most `limit`; of one version where it is given. */
export function readActivations(
  reader: Reader,
  tenant: TenantId,
  limit: number,
  version?: number,
): Promise<ActivationRow[]> {
  return reader.all(
    `SELECT ${ACTIVATION} FROM policy_activations WHERE tenant_id = ? AND (?2 IS NULL OR version = ?2)
      ORDER BY activation DESC LIMIT ?3`,
    [tenant, version ?? null, limit],
  );
}
