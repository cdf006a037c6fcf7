import { expect, test } from "bun:test";
import fc from "fast-check";
import type { TenantId } from "#src/base/ids.ts";
import { decodeBatch, encodeBatch } from "#src/store/batch-codec.ts";
import type { Work } from "#src/store/committer.ts";

const anyText = fc.oneof(fc.string({ unit: "binary", maxLength: 20 }), fc.constantFrom("", "\n", "a\nb", "ten_1"));
const anyToken = fc.record({ keyId: anyText, signedBytes: fc.uint8Array({ maxLength: 40 }), cidAt: fc.nat() });
const anyUnit = fc
  .record(
    {
      tenant: anyText.map((text) => text as TenantId),
      event: fc.record(
        { id: anyText, type: anyText, actor: anyText, dataJson: anyText, token: anyToken },
        { requiredKeys: ["id", "type", "actor", "dataJson"] },
      ),
      statements: fc.constantFrom([], [], [], [{ sql: "DELETE FROM x", params: [Uint8Array.of(1), null, 2n] }]),
      blobs: fc.constantFrom([], [{ sha256: "00", bytes: "x" }]),
      expectEpoch: fc.nat(),
      raisesEpoch: fc.boolean(),
      countsAgainstQuota: fc.boolean(),
      ignoresClock: fc.boolean(),
    },
    { requiredKeys: ["tenant", "event", "statements"] },
  )
  .map((unit): Work => unit);
const anyTouch = fc.constant<Work>({ touch: true, statements: [{ sql: "DELETE FROM x", params: [] }] });

/** What a unit says, whether it says so or leaves it out. */
function settled(work: Work): object {
  if ("touch" in work) return work;
  return { blobs: [], raisesEpoch: false, countsAgainstQuota: false, ignoresClock: false, ...work };
}

test("a batch arrives as it was sent, whatever its texts are", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof({ weight: 5, arbitrary: anyUnit }, anyTouch), { minLength: 1, maxLength: 12 }),
      (batch) => {
        const arrived = structuredClone(encodeBatch(batch));
        expect(decodeBatch(arrived).map(settled)).toEqual(batch.map(settled));
      },
    ),
    { numRuns: 300 },
  );
});

test("decisions cross as text alone", () => {
  const event = { id: "dec_1", type: "decision.allowed", actor: "sub_1", dataJson: '{"a":"\\n"}' };
  const unit: Work = { tenant: "ten_1" as TenantId, statements: [], event, expectEpoch: 0, countsAgainstQuota: true };
  expect(encodeBatch([unit, unit]).rest).toEqual([]);
});
