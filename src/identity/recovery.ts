import type { Recorder } from "#src/audit/recorder.ts";
import type { Clock } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import type { IdSource, PersonId, SubjectId, TenantId } from "#src/base/ids.ts";
import { equalInConstantTime, sha256 } from "#src/crypto/hash.ts";
import { readPerson } from "#src/store/people.ts";
import type { Reader } from "#src/store/reader.ts";
import {
  countRecoveryCodes,
  readRecoveryCode,
  readRecoveryCodeTenant,
  replaceRecoveryCodes,
  useRecoveryCode,
} from "#src/store/recovery-codes.ts";
import type { Invitations, IssuedLink } from "./invitations.ts";

/** Codes on paper, for whoever lost every passkey: each opens, once, the way to enrol another. */
export interface Recovery {
  /** A new set of ten; the old one is void. Shown this once. */
  makeCodes(tenant: TenantId, actor: SubjectId, person: PersonId): Promise<readonly string[]>;
  /** How many are left. */
  count(tenant: TenantId, person: PersonId): Promise<number>;
  /** Uses a code and gives the link to enrol with, good for 15 minutes. `link_invalid`. */
  useCode(code: string): Promise<IssuedLink>;
}

/** What {@link createRecovery} needs. */
export interface RecoveryDependencies {
  readonly recorder: Recorder;
  readonly reader: Reader;
  readonly invitations: Invitations;
  readonly ids: IdSource;
  readonly clock: Clock;
}

const CODES = 10;
/** Eight characters that say which code it is, and twenty (100 random bits) that are the secret. */
const ID_CHARACTERS = 8;
const SECRET_CHARACTERS = 20;
const GROUP = 4;
/** Crockford's base 32: what is typed for `o`, `i` and `l` is read as the digit it looks like. */
const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const CODE = /^[0-9a-hjkmnp-tv-z]{28}$/;
const NO_HASH = new Uint8Array(32);

/** Makes the service of recovery codes. */
export function createRecovery({ recorder, reader, invitations, ids, clock }: RecoveryDependencies): Recovery {
  const draw = (characters: number): string =>
    Array.from(ids.random(characters), (byte) => ALPHABET.charAt(byte & 31)).join("");

  return {
    makeCodes: async (tenant, actor, personId) => {
      const person = await readPerson(reader, tenant, personId);
      if (person === undefined) throw new WritError("not_found");
      if (person.status !== "active") throw new WritError("conflict", "codes are for people who have a passkey");
      const now = clock.now();
      const codes = Array.from({ length: CODES }, () => ({ id: draw(ID_CHARACTERS), secret: draw(SECRET_CHARACTERS) }));
      await recorder.record({
        tenant,
        type: "recovery_codes.made",
        actor,
        statements: replaceRecoveryCodes(
          tenant,
          personId,
          codes.map(({ id, secret }) => ({
            codeId: id,
            personId,
            hash: hashSecret(secret),
            createdAt: now,
            usedAt: null,
          })),
        ),
        data: { person: personId, subject: person.subjectId, codes: codes.map(({ id }) => id) },
      });
      return codes.map(({ id, secret }) => inGroups(id + secret));
    },
    count: (tenant, person) => countRecoveryCodes(reader, tenant, person),
    useCode: async (text) => {
      const code = normalize(text);
      if (!CODE.test(code)) throw new WritError("link_invalid");
      const codeId = code.slice(0, ID_CHARACTERS);
      const tenant = await readRecoveryCodeTenant(reader, codeId);
      const row = tenant === undefined ? undefined : await readRecoveryCode(reader, tenant, codeId);
      const matches = equalInConstantTime(hashSecret(code.slice(ID_CHARACTERS)), row?.hash ?? NO_HASH);
      if (tenant === undefined || row === undefined || !matches || row.usedAt !== null) {
        throw new WritError("link_invalid");
      }
      const person = await readPerson(reader, tenant, row.personId);
      if (person?.status !== "active") throw new WritError("link_invalid");
      const made = invitations.prepare(tenant, "recovery", row.personId);
      const result = await recorder.tryRecord({
        tenant,
        type: "recovery_code.used",
        actor: person.subjectId,
        statements: [useRecoveryCode(tenant, codeId, clock.now()), ...made.statements],
        data: { person: row.personId, subject: person.subjectId, code: codeId, link: made.id },
      });
      if (result.kind === "refused") {
        throw new WritError(result.reason === "clock_behind" ? "clock_behind" : "link_invalid");
      }
      return made.link;
    },
  };
}

function inGroups(code: string): string {
  return (code.match(new RegExp(`.{${GROUP}}`, "g")) ?? []).join("-");
}

function normalize(text: string): string {
  return text.slice(0, 100).toLowerCase().replace(/[\s-]/g, "").replaceAll("o", "0").replace(/[il]/g, "1");
}

function hashSecret(secret: string): Uint8Array {
  return sha256("writ.recovery.v1\n", secret);
}
