import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { MIGRATIONS, migrate } from "#src/store/migrations.ts";

const HASH = "a".repeat(64);

test("approvals from before passkeys stay, but what nobody signed for releases nothing any more", () => {
  const db = new Database(":memory:");
  for (const { sql } of MIGRATIONS.filter(({ version }) => version < 8)) db.run(sql);
  db.run("PRAGMA user_version = 7");
  for (const state of ["pending", "approved", "denied", "used"]) {
    db.run(
      `INSERT INTO approvals (tenant_id, approval_id, agent_id, state, call_digest, bound_to, command, tier, sealed_details,
        data_key_id, policy_version, remaining, requested_at, expires_at) VALUES ('t', ?, ?, ?, ?, 'call', '/a', 'write', x'00',
        'k', 1, 1, 1, 2)`,
      [`apr_${state}`, state, state, HASH],
    );
  }
  migrate(db);
  const rows = db.query(
    "SELECT approval_id AS id, state, remaining, json_extract(terms, '$.quorum') AS quorum FROM approvals",
  );
  expect(rows.all()).toEqual([
    { id: "apr_approved", state: "expired", remaining: 0, quorum: 1 },
    { id: "apr_denied", state: "denied", remaining: 0, quorum: 1 },
    { id: "apr_pending", state: "pending", remaining: 0, quorum: 1 },
    { id: "apr_used", state: "used", remaining: 0, quorum: 1 },
  ]);
  const approve = "UPDATE approvals SET state = 'approved' WHERE approval_id = 'apr_pending'";
  expect(() => db.run(approve)).toThrow(/CHECK/);
  db.close();
});
