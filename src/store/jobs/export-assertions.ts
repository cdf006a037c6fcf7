import type { Database } from "bun:sqlite";
import type { JsonObject } from "#src/base/canonical-json.ts";
import { toRfc3339 } from "#src/base/clock.ts";
import { isWritError } from "#src/base/errors.ts";
import type { TenantId } from "#src/base/ids.ts";
import { signedAssertionOf } from "#src/ledger/assertion-check.ts";
import { type AssertionLine, assertionLine, bundleEnrolmentLine } from "#src/ledger/bundle.ts";
import { type EnrolmentLine, parseEnrolment } from "#src/ledger/enrolment.ts";
import { parseEvent } from "#src/ledger/event.ts";
import type { EventRow } from "../events.ts";

/** What stands around an event in a bundle because a person signed it. */
export interface SignedLines {
  readonly before: readonly string[];
  readonly behind: readonly string[];
}

const NONE: SignedLines = { before: [], behind: [] };
/** What every event that holds an assertion has in its text: the others need not be parsed. */
const ASSERTION = '"assertion":{';

/** Gives the lines of what people signed: each enrolment before the first event that it checks, each assertion behind its own. */
export class SignedEvents {
  private readonly db: Database;
  private readonly tenant: TenantId;
  private readonly written = new Set<string>();
  private enrolments: ReadonlyMap<string, EnrolmentLine> | undefined;

  constructor(db: Database, tenant: TenantId) {
    this.db = db;
    this.tenant = tenant;
  }

  linesOf(event: EventRow): SignedLines {
    const assertion = event.bytes.includes(ASSERTION) ? assertionIn(event) : undefined;
    const credential = assertion?.["credential_id"];
    if (assertion === undefined || typeof credential !== "string") return NONE;
    this.enrolments ??= readEnrolments(this.db, this.tenant);
    const enrolment = this.enrolments.get(credential);
    if (enrolment === undefined) return NONE;
    const isNew = !this.written.has(credential);
    this.written.add(credential);
    const line = { seq: event.seq, assertion } as unknown as AssertionLine;
    return { before: isNew ? [bundleEnrolmentLine(enrolment)] : [], behind: [assertionLine(line)] };
  }
}

/** An event that was tampered with is exported as it is: the verifier names it. */
function assertionIn({ bytes }: EventRow): JsonObject | undefined {
  try {
    return signedAssertionOf(parseEvent(bytes)).assertion;
  } catch (error) {
    if (!isWritError(error, "verification_failed")) throw error;
    return undefined;
  }
}

/** Every passkey that the tenant ever had, by its credential, as the chain says that it was enrolled. */
function readEnrolments(db: Database, tenant: TenantId): ReadonlyMap<string, EnrolmentLine> {
  const events = db
    .query<{ bytes: string }, [string]>("SELECT bytes FROM events WHERE tenant_id = ? AND type = 'passkey.enrolled'")
    .all(tenant);
  const life = db.query<{ createdAt: number; revokedAt: number | null }, [string, string]>(
    "SELECT created_at AS createdAt, revoked_at AS revokedAt FROM passkeys WHERE tenant_id = ? AND credential_id = ?",
  );
  const enrolments = new Map<string, EnrolmentLine>();
  for (const { bytes } of events) {
    const enrolment = enrolmentIn(bytes, tenant, (credential) => life.get(tenant, credential));
    if (enrolment !== undefined) enrolments.set(enrolment.credentialId, enrolment);
  }
  return enrolments;
}

const SAME = ["algorithm", "credential_id", "origin", "passkey", "person", "public_key", "rp_id", "subject"];

function enrolmentIn(
  bytes: string,
  tenant: TenantId,
  lifeOf: (credential: string) => { readonly createdAt: number; readonly revokedAt: number | null } | null,
): EnrolmentLine | undefined {
  try {
    const { data, at } = parseEvent(bytes);
    const life = lifeOf(String(data["credential_id"]));
    return parseEnrolment({
      ...Object.fromEntries(SAME.map((name) => [name, data[name] ?? null])),
      kind: "enrolment",
      v: 1,
      tenant,
      enrolled_at: life === null ? at : toRfc3339(life.createdAt),
      ...(life === null || life.revokedAt === null ? {} : { removed_at: toRfc3339(life.revokedAt) }),
    });
  } catch (error) {
    if (!isWritError(error, "verification_failed")) throw error;
    return undefined;
  }
}
