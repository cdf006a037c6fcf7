import { describe, expect, test } from "bun:test";
import { toHex } from "#src/base/bytes.ts";
import { toRfc3339 } from "#src/base/clock.ts";
import { checkpointLine, consistencyLine, inclusionLine } from "#src/ledger/bundle.ts";
import { type Checkpoint, parseCheckpoint } from "#src/ledger/checkpoint.ts";
import { leafHash } from "#src/ledger/merkle.ts";
import { verifyTenant } from "#src/ledger/verify.ts";
import { type VerifyBundleOptions, verifyBundle } from "#src/ledger/verify-bundle.ts";
import { Chain, checkpointedChain, signerOf, T0 } from "./chain-fixture.ts";
import { proveConsistency, proveInclusion, treeRoot } from "./reference-proofs.ts";

const codes = (report: { readonly problems: readonly { seq: number; code: string }[] }) =>
  report.problems.map(({ seq, code }) => `${seq} ${code}`);
const verify = (chain: Chain, options: Partial<Parameters<typeof verifyTenant>[0]> = {}) =>
  verifyTenant({
    tenant: chain.tenant,
    instance: "i",
    keys: chain.keys,
    events: chain.events,
    seals: chain.seals,
    checkpoints: chain.checkpoints,
    ...options,
  });
const leavesOf = (chain: Chain) => chain.events.map(({ bytes }) => leafHash(bytes));

describe("a chain with checkpoints", () => {
  test("verifies from sources and as a bundle, and says what is covered", async () => {
    const chain = checkpointedChain();
    const report = await verify(chain);
    expect(report).toMatchObject({ ok: true, events: 7, checkpoints: { count: 3, coveredThrough: 7 } });
    expect(await verifyBundle(chain.bundle())).toMatchObject({ ok: true, checkpoints: report.checkpoints });
    chain.add().add().seal();
    expect(await verify(chain)).toMatchObject({ ok: true, last: 9, checkpoints: { coveredThrough: 7 } });
  });

  test("a pinned newer key vouches from its first checkpoint on", async () => {
    const chain = checkpointedChain();
    const pinned = [chain.keys[1]!.id];
    expect((await verify(chain, { pinned })).checkpoints).toMatchObject({ count: 3, coveredThrough: 7 });
    expect(
      (await verify(chain, { checkpoints: chain.checkpoints.slice(0, 1), pinned })).checkpoints.coveredThrough,
    ).toBe(0);
  });

  const WRONG: readonly [what: string, changes: Partial<Checkpoint>, expected: string, signer?: string][] = [
    ["another root", { root: "11".repeat(32) }, "5 checkpoint_mismatch"],
    ["another head", { head: "11".repeat(32) }, "5 checkpoint_mismatch"],
    ["another tenant", { origin: "i/ten_b" }, "5 tenant_mismatch"],
    ["another instance", { origin: "j/ten_a" }, "5 tenant_mismatch"],
    ["a time before that of the one before", { at: toRfc3339(T0 - 1) }, "5 checkpoint_out_of_order"],
    ["a stranger's key", {}, "5 checkpoint_key_unknown", "stranger"],
    ["a key that had been replaced", {}, "5 checkpoint_key_older", "first"],
  ];
  for (const [what, changes, expected, signer = "second"] of WRONG) {
    test(`a checkpoint with ${what} is found`, async () => {
      const chain = checkpointedChain();
      const before = new Chain();
      before.add().seal().add().seal().checkpoint();
      before.rotate("second").add().seal().checkpoint({}, signerOf("second"));
      before.add().add().seal().checkpoint(changes, signerOf(signer));
      expect(codes(await verify(before))).toEqual([expected]);
      expect(codes(await verifyBundle(before.bundle()))).toEqual([expected]);
      expect((await verify(chain)).ok).toBe(true);
    });
  }

  test("one that is out of place, changed or twice is found", async () => {
    const { checkpoints } = checkpointedChain();
    const chain = checkpointedChain();
    const [first, second, third] = checkpoints as [
      (typeof checkpoints)[0],
      (typeof checkpoints)[0],
      (typeof checkpoints)[0],
    ];
    const check = async (list: typeof checkpoints) => codes(await verify(chain, { checkpoints: list }));
    expect(await check([first, first, second, third])).toContain("3 checkpoint_out_of_order");
    expect(await check([{ ...first, size: 4 }])).toEqual(["4 index_mismatch"]);
    expect(await check([{ ...first, note: second.note }])).toEqual(["3 index_mismatch"]);
    expect(await check([{ ...first, at: "2026-01-01T00:00:00.000Z" }])).toEqual(["3 index_mismatch"]);
    expect(await check([{ ...first, key: "0000000000000000" }])).toEqual(["3 index_mismatch"]);
    expect(await check([{ ...first, note: `${first.note}x` }])).toEqual(["3 checkpoint_malformed"]);
    const flipped = first.note.replace(/[A-Za-z](?=[^ ]*=\n$)/, (letter) => (letter === "A" ? "B" : "A"));
    expect((await check([{ ...first, note: flipped }]))[0]).toMatch(/3 checkpoint_(invalid|key_unknown|malformed)/);
  });

  test("an end that was cut off is found where its checkpoint was kept", async () => {
    const chain = checkpointedChain();
    const cut = { events: chain.events.slice(0, 5), seals: chain.seals.slice(0, 4) };
    expect(codes(await verify(chain, cut))).toEqual(["6 checkpoint_ahead"]);
    const expectCheckpoints = [parseCheckpoint(chain.checkpoints[2]!.note)];
    const all = { ...cut, checkpoints: chain.checkpoints.slice(0, 2) };
    expect(codes(await verify(chain, all))).toEqual([]);
    expect(codes(await verify(chain, { ...all, expectCheckpoints }))).toEqual(["6 checkpoint_ahead"]);
  });
});

describe("a checkpoint that somebody kept", () => {
  const kept = parseCheckpoint(checkpointedChain().checkpoints[1]!.note);

  test("fits the chain that it is of, whether that still has it or not", async () => {
    const chain = checkpointedChain();
    expect((await verify(chain, { expectCheckpoints: [kept] })).ok).toBe(true);
    expect((await verify(chain, { expectCheckpoints: [kept], checkpoints: [] })).ok).toBe(true);
  });

  test("shows another history, even one that is signed", async () => {
    const other = new Chain();
    other.add({ type: "other" }).seal().add().add().seal();
    other.rotate("second").add().seal().add().seal();
    expect(codes(await verify(other, { expectCheckpoints: [kept] }))).toEqual(["5 checkpoint_mismatch"]);
  });

  test("of no known key proves nothing, and is said", async () => {
    const chain = checkpointedChain();
    const forged = parseCheckpoint(chain.checkpointRecord({}, signerOf("thief")).note);
    expect(codes(await verify(chain, { expectCheckpoints: [forged] }))).toEqual(["0 checkpoint_key_unknown"]);
  });

  test("of another chain does not fit a bundle", async () => {
    const other = parseCheckpoint(new Chain("ten_b").add().seal().checkpointRecord().note);
    expect(codes(await verifyBundle(checkpointedChain().bundle(), { expectCheckpoints: [other] }))).toEqual([
      "0 tenant_mismatch",
    ]);
  });

  test("before the first event of a bundle cannot be held against it", async () => {
    const chain = checkpointedChain();
    const early = parseCheckpoint(chain.checkpoints[0]!.note);
    expect(codes(await verifyBundle(chain.bundleFrom(5), { expectCheckpoints: [early] }))).toEqual([
      "5 checkpoint_unproven",
    ]);
    expect((await verifyBundle(chain.bundleFrom(5), { expectCheckpoints: [kept] })).ok).toBe(true);
  });
});

describe("a bundle of one event with its proofs", () => {
  const SEQ = 2;
  function proven(changes: { path?: string[]; bridge?: string[]; root?: string; size?: number } = {}) {
    const chain = checkpointedChain();
    const leaves = leavesOf(chain);
    const checkpoint = chain.checkpoints[1]!;
    const tree = leaves.slice(0, checkpoint.size);
    const lines = chain.bundleFrom(SEQ);
    const header = JSON.parse(lines[0]!);
    const { root, size } = { root: toHex(treeRoot(tree)), size: checkpoint.size, ...changes };
    return [
      lines[0]!
        .replace(`"last":${header.last}`, `"last":${SEQ}`)
        .replace(header.root, toHex(treeRoot(leaves.slice(0, SEQ)))),
      ...lines.slice(1, 4),
      inclusionLine({ path: changes.path ?? proveInclusion(tree, SEQ - 1).map(toHex), root, seq: SEQ, size }),
      consistencyLine({
        from: SEQ,
        to: checkpoint.size,
        path: changes.bridge ?? proveConsistency(tree, SEQ).map(toHex),
      }),
      checkpointLine(checkpoint),
    ];
  }
  const check = async (lines: string[], options: VerifyBundleOptions = {}) =>
    verifyBundle(lines, { requireBlobs: false, ...options });

  test("verifies without a seal of that event", async () => {
    const report = await check(proven());
    expect(report).toMatchObject({ ok: true, events: 1, sealedThrough: 1, checkpoints: { coveredThrough: 2 } });
    const kept = parseCheckpoint(checkpointedChain().checkpoints[1]!.note);
    expect((await check(proven(), { expectCheckpoints: [kept] })).ok).toBe(true);
  });

  test("does not with another path, root, size, or without its checkpoint", async () => {
    const other = "11".repeat(32);
    expect(codes(await check(proven({ path: [other] })))).toContain("2 proof_invalid");
    expect(codes(await check(proven({ root: other })))).toContain("2 proof_invalid");
    expect(codes(await check(proven({ size: 4 })))).toContain("2 proof_invalid");
    expect(codes(await check(proven({ bridge: [other] })))).toContain("2 proof_invalid");
    expect(codes(await check(proven().slice(0, -1)))).toEqual(["2 unsealed_tail", "2 proof_invalid"]);
    const unproven = proven().filter((line) => !line.includes('"kind":"consistency"'));
    expect(codes(await check(unproven))).toContain("3 checkpoint_ahead");
    const [header, ...rest] = proven();
    expect((await check([header!.replace(/"prev":"../, '"prev":"00'), ...rest])).ok).toBe(false);
  });
});

test("a decision names its writ by a CID", async () => {
  const good = `bafyrei${"b".repeat(51)}a`;
  const chain = new Chain()
    .add({ writ: { cid: good } })
    .add({ writ: "text" })
    .add({ cid: "x" })
    .seal();
  expect((await verify(chain)).ok).toBe(true);
  for (const cid of [`bafyrei${"b".repeat(51)}b`, good.slice(1), good.toUpperCase(), `${good}a`, "", 7, null]) {
    const bad = new Chain().add().add({ writ: { cid } }).seal();
    expect(codes(await verify(bad))).toEqual(["2 writ_malformed"]);
    expect(codes(await verifyBundle(bad.bundle()))).toEqual(["2 writ_malformed"]);
  }
});
