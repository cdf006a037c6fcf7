import { describe, expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import { toHex, utf8 } from "#src/base/bytes.ts";
import { canonicalize } from "#src/base/canonical-json.ts";
import { toRfc3339 } from "#src/base/clock.ts";
import { type EventRecord, GENESIS_START } from "#src/ledger/chain-verifier.ts";
import { composeEvent, GENESIS_HASH, hashEventHex } from "#src/ledger/event.ts";
import { keyId } from "#src/ledger/keys.ts";
import { CompactRange, leafHash } from "#src/ledger/merkle.ts";
import { signSeal } from "#src/ledger/seal.ts";
import { PROGRESS_EVENTS, type VerifyTenantOptions, verifyTenant } from "#src/ledger/verify.ts";
import { Chain, signerOf, smallChain, T0 } from "./chain-fixture.ts";

function verify(chain: Chain, changes: Partial<VerifyTenantOptions> = {}) {
  return verifyTenant({ tenant: chain.tenant, events: chain.events, seals: chain.seals, keys: chain.keys, ...changes });
}

/** The first problem's place and code. */
async function firstProblem(chain: Chain, changes: Partial<VerifyTenantOptions> = {}) {
  const { ok, problems } = await verify(chain, changes);
  expect(ok).toBe(false);
  return `${problems[0]?.seq} ${problems[0]?.code}`;
}

/** Makes the chain behind `events[0..n]` anew, as somebody with the database but without the key could. */
function rehash(chain: Chain, at: number, change: (text: string) => string): EventRecord[] {
  let prev = GENESIS_HASH;
  return chain.events.map(({ seq, bytes }) => {
    const event = JSON.parse(seq === at ? change(bytes) : bytes);
    const text = composeEvent({ ...event, prev, dataJson: canonicalize(event.data) });
    prev = hashEventHex(text);
    return { seq, bytes: text, hash: prev };
  });
}

setDefaultTimeout(30_000);

describe("an original", () => {
  test("verifies, with all that is known of it", async () => {
    const chain = smallChain();
    const report = await verify(chain);
    expect(report).toEqual({
      ok: true,
      tenant: "ten_a",
      events: 6,
      first: 1,
      last: 6,
      head: chain.head,
      root: toHex(chain.tree.root()),
      sealedThrough: 6,
      checkpoints: { count: 0, coveredThrough: 0 },
      problems: [],
      keysUsed: [keyId(signerOf("first").publicKey), keyId(signerOf("second").publicKey)],
      pinned: false,
    });
    expect((await verify(chain, { expectHead: { seq: 6, hash: chain.head, root: report.root } })).ok).toBe(true);
  });

  test("verifies as bytes, from asynchronous sources, and when empty", async () => {
    const chain = smallChain();
    async function* events() {
      for (const { seq, bytes } of chain.events)
        yield { seq, bytes: utf8(bytes), id: `evt_${seq}`, type: "decision.made" };
    }
    async function* seals() {
      yield* chain.seals;
    }
    expect((await verify(chain, { events: events(), seals: seals() })).ok).toBe(true);
    expect(await verify(new Chain())).toMatchObject({
      ok: true,
      events: 0,
      last: 0,
      head: GENESIS_HASH,
      sealedThrough: 0,
    });
  });

  test("verifies from any event on", async () => {
    const chain = smallChain();
    for (let seq = 1; seq <= 6; seq += 1) {
      const before = CompactRange.empty();
      for (const event of chain.events.slice(0, seq - 1)) before.append(leafHash(event.bytes));
      const start = { seq, prev: chain.events[seq - 2]?.hash ?? GENESIS_HASH, frontier: before.toBytes() };
      const options = {
        start,
        events: chain.events.slice(seq - 1),
        seals: chain.seals.filter((s) => s.heads[0]!.seq >= seq),
      };
      expect(await verify(chain, options)).toMatchObject({ ok: true, first: seq, last: 6, sealedThrough: 6 });
      const frontier = before.toBytes();
      if (seq === 1) continue;
      frontier[0]! ^= 1;
      expect(await firstProblem(chain, { ...options, start: { ...start, frontier } })).toEndWith("seal_mismatch");
      expect(await firstProblem(chain, { ...options, start: { ...start, prev: "1".repeat(64) } })).toBe(
        `${seq} prev_mismatch`,
      );
      const short = { ...start, frontier: frontier.subarray(1) };
      expect(await firstProblem(chain, { ...options, start: short })).toBe("0 start_invalid");
    }
    const start = { ...GENESIS_START, prev: "1".repeat(64) };
    expect(await firstProblem(chain, { start })).toBe("0 start_invalid");
  });

  test("is never called tampered, and any other byte is found: generated chains", async () => {
    const step = fc.record({
      data: fc.dictionary(fc.string({ unit: "grapheme" }), fc.jsonValue({ maxDepth: 2, noUnicodeString: false }), {
        maxKeys: 3,
      }),
      after: fc.nat(5000),
      seal: fc.boolean(),
      rotate: fc.boolean(),
    });
    const inRange = (value: unknown): boolean => {
      if (typeof value === "number") return !Number.isInteger(value) || Math.abs(value) <= 2 ** 53;
      if (typeof value === "string") return value.isWellFormed();
      return (
        typeof value !== "object" ||
        value === null ||
        Object.entries(value).every(([k, v]) => k.isWellFormed() && inRange(v))
      );
    };
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 12 }),
        fc.nat(),
        fc.nat(),
        async (steps, pick, bit) => {
          fc.pre(steps.every(({ data }) => inRange(data)));
          const chain = new Chain();
          let at = T0;
          for (const { data, after, seal, rotate } of steps) {
            at += after;
            chain.add(data, at);
            if (rotate) chain.rotate(`key ${chain.keys.length}`);
            if (seal) chain.seal();
          }
          if (chain.seals.at(-1)?.heads[0]?.seq !== steps.length) chain.seal();
          expect(await verify(chain, { pinned: [chain.keys[0]!.id] })).toMatchObject({
            ok: true,
            sealedThrough: steps.length,
            pinned: true,
          });
          const victim = pick % steps.length;
          const bytes = utf8(chain.events[victim]!.bytes);
          bytes[bit % bytes.length]! ^= 1 << (bit % 8);
          const events = chain.events.map((event, i) =>
            i === victim ? { seq: event.seq, bytes } : { seq: event.seq, bytes: event.bytes },
          );
          expect((await verify(chain, { events })).ok).toBe(false);
        },
      ),
      { numRuns: 60 },
    );
  });

  test("tells how far it is", async () => {
    const chain = new Chain();
    for (let i = 0; i < PROGRESS_EVENTS * 2 + 1; i += 1) chain.add();
    const seen: number[] = [];
    expect((await verify(chain.seal(), { onProgress: (seq) => seen.push(seq) })).ok).toBe(true);
    expect(seen).toEqual([PROGRESS_EVENTS, PROGRESS_EVENTS * 2]);
  });
});

describe("a chain with", () => {
  const chain = smallChain();
  const without = (seq: number) => chain.events.filter((event) => event.seq !== seq);
  const plain = chain.events.map(({ seq, bytes }) => ({ seq, bytes }));

  test("an event removed, at every place", async () => {
    for (let seq = 1; seq <= 5; seq += 1)
      expect(await firstProblem(chain, { events: without(seq) })).toBe(`${seq} event_missing`);
    expect(await firstProblem(chain, { events: without(6) })).toBe("6 seal_without_event");
  });

  test("events swapped, or one twice", async () => {
    for (let i = 0; i < 5; i += 1) {
      const swapped = chain.events.with(i, chain.events[i + 1]!).with(i + 1, chain.events[i]!);
      expect(await firstProblem(chain, { events: swapped })).toBe(`${i + 1} event_missing`);
      const twice = chain.events.toSpliced(i, 0, chain.events[i]!);
      expect(await firstProblem(chain, { events: twice })).toBe(`${i + 1} event_out_of_order`);
    }
  });

  test("a changed event is named, and what is sealed before it still counts", async () => {
    const changed = chain.events.map((event) =>
      event.seq === 5 ? { ...event, bytes: event.bytes.replace("null", "true") } : event,
    );
    const report = await verify(chain, { events: changed });
    expect(report).toMatchObject({ ok: false, last: 4, sealedThrough: 4, head: chain.events[3]!.hash });
    expect(report.problems).toEqual([{ seq: 5, code: "hash_mismatch", message: expect.stringContaining("event 5") }]);
    const bare = plain.map((event) =>
      event.seq === 5 ? { ...event, bytes: event.bytes.replace("null", "true") } : event,
    );
    expect(await firstProblem(chain, { events: bare })).toBe("6 prev_mismatch");
    const hash = chain.events.map((event) => (event.seq === 2 ? { ...event, hash: "0".repeat(64) } : event));
    expect(await firstProblem(chain, { events: hash })).toBe("2 hash_mismatch");
  });

  test("history made anew without the key", async () => {
    const events = rehash(chain, 2, (text) => text.replace("1.5", "2.5"));
    const report = await verify(chain, { events });
    expect(report).toMatchObject({ ok: false, sealedThrough: 1 });
    expect(report.problems[0]).toMatchObject({ seq: 3, code: "seal_mismatch" });
    const own = events.length;
    const forged = signSeal(signerOf("thief"), [{ tenant: "ten_a", seq: own, hash: report.head, root: report.root }]);
    expect(await firstProblem(chain, { events, seals: [forged] })).toBe("6 seal_key_unknown");
    const thief = keyId(signerOf("thief").publicKey);
    expect(await firstProblem(chain, { events, seals: [{ ...forged, key: chain.keys[1]!.id }] })).toBe(
      "6 seal_invalid",
    );
    expect(thief).not.toBe(chain.keys[1]!.id);
    expect(await firstProblem(chain, { events, seals: [] })).toBe("1 unsealed_tail");
  });

  test("the tail cut", async () => {
    const cut = { events: chain.events.slice(0, 5), seals: chain.seals.slice(0, 3) };
    expect(await firstProblem(chain, cut)).toBe("5 unsealed_tail");
    expect(await verify(chain, { ...cut, requireSealedTail: false })).toMatchObject({
      ok: true,
      last: 5,
      sealedThrough: 4,
    });
    const toSeal = { events: chain.events.slice(0, 4), seals: chain.seals.slice(0, 3) };
    expect(await firstProblem(chain, { ...toSeal, expectHead: { seq: 6, hash: chain.head } })).toBe("5 head_mismatch");
    expect(await firstProblem(chain, { expectHead: { seq: 6, hash: "0".repeat(64) } })).toBe("6 head_mismatch");
    expect(await firstProblem(chain, { expectHead: { seq: 5, hash: chain.head } })).toBe("6 head_mismatch");
    expect(await firstProblem(chain, { expectHead: { seq: 6, hash: chain.head, root: "0".repeat(64) } })).toBe(
      "6 head_mismatch",
    );
  });

  test("events, or a whole chain, of another tenant", async () => {
    const foreign = new Chain("ten_b").add().add().add().add().add().add().seal();
    const mixed = chain.events.with(2, foreign.events[2]!);
    expect(await firstProblem(chain, { events: mixed })).toBe("3 tenant_mismatch");
    expect(await firstProblem(chain, { events: foreign.events, seals: [] })).toBe("1 tenant_mismatch");
    expect(await firstProblem(chain, { seals: [...chain.seals, ...foreign.seals] })).toBe("6 tenant_mismatch");
  });

  test("a seal over several tenants verifies", async () => {
    const [other, mine] = [new Chain("ten_b").add().seal(), new Chain().add().seal()];
    const seal = signSeal(mine.signer, [other.seals[0]!.heads[0]!, mine.seals[0]!.heads[0]!]);
    expect((await verify(mine, { seals: [seal] })).ok).toBe(true);
    const double = signSeal(mine.signer, [mine.seals[0]!.heads[0]!, mine.seals[0]!.heads[0]!]);
    expect(await firstProblem(mine, { seals: [double] })).toBe("1 tenant_mismatch");
  });

  test("time that runs backwards, and time that stands still", async () => {
    const back = new Chain()
      .add({}, T0 + 1)
      .add({}, T0)
      .seal();
    expect(await firstProblem(back)).toBe("2 at_decreases");
    expect((await verify(new Chain().add({}, T0).add({}, T0).seal())).ok).toBe(true);
  });

  test("columns that are not what the bytes say", async () => {
    for (const wrong of [{ id: "evt_9" }, { type: "other" }, { actor: "sub_2" }, { at: toRfc3339(T0 + 9) }]) {
      const events = chain.events.map((event) => (event.seq === 3 ? { ...event, ...wrong } : event));
      expect(await firstProblem(chain, { events })).toBe("3 index_mismatch");
    }
    const renumbered = chain.events.map((event) => (event.seq === 6 ? { ...event, seq: 7 } : event));
    expect(await firstProblem(chain, { events: renumbered })).toBe("6 index_mismatch");
  });

  test("seals repeated, swapped, damaged or of no event", async () => {
    const { seals } = chain;
    expect(await firstProblem(chain, { seals: seals.toSpliced(1, 0, seals[1]!) })).toBe("3 seal_out_of_order");
    expect(await firstProblem(chain, { seals: seals.with(1, seals[2]!).with(2, seals[1]!) })).toContain("3 seal_");
    const damaged = { ...seals[1]!, signature: seals[0]!.signature };
    const report = await verify(chain, { seals: seals.with(1, damaged) });
    expect(report).toMatchObject({ ok: false, sealedThrough: 6, problems: [{ seq: 3, code: "seal_invalid" }] });
  });
});

describe("keys", () => {
  const chain = smallChain();
  const [first, second] = chain.keys.map((key) => key.id) as [string, string];

  test("a rotation is followed from the pinned key", async () => {
    expect(await verify(chain, { pinned: [first] })).toMatchObject({
      ok: true,
      pinned: true,
      keysUsed: [first, second],
    });
  });

  test("a pin of the newer key covers older events by its own seal, not by the older key", async () => {
    expect(await verify(chain, { pinned: [second] })).toMatchObject({ ok: true, sealedThrough: 6 });
    const old = { events: chain.events.slice(0, 3), seals: chain.seals.slice(0, 2) };
    expect(await verify(chain, { ...old, pinned: [first] })).toMatchObject({ ok: true, sealedThrough: 3 });
    expect(await verify(chain, { ...old, pinned: [second] })).toMatchObject({ ok: false, sealedThrough: 0 });
  });

  test("a wrong pin is refused", async () => {
    const report = await verify(chain, { pinned: ["0123456789abcdef"] });
    expect(report).toMatchObject({
      ok: false,
      pinned: false,
      events: 0,
      sealedThrough: 0,
      problems: [{ code: "keys_invalid" }],
    });
  });

  test("an older key does not seal again after a newer one", async () => {
    const revived = smallChain().add().seal(signerOf("first"));
    expect(await verify(revived)).toMatchObject({ ok: false, sealedThrough: 6 });
    expect(await firstProblem(revived)).toBe("7 seal_key_older");
  });

  test("a whole forged chain agrees with itself and fails against the pin", async () => {
    const forged = new Chain("ten_a", signerOf("thief")).add().seal();
    expect(await verify(forged)).toMatchObject({ ok: true, pinned: false });
    expect(await firstProblem(forged, { pinned: [first] })).toBe("0 keys_invalid");
  });
});
