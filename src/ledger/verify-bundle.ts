import { fromHex } from "#src/base/bytes.ts";
import { isWritError, messageOf, WritError } from "#src/base/errors.ts";
import { sha256Hex } from "#src/crypto/hash.ts";
import { type BundleHeader, type BundleLine, parseBundleLine } from "./bundle.ts";
import { type AssertionSummary, BundleAssertions } from "./bundle-assertions.ts";
import { ChainVerifier } from "./chain-verifier.ts";
import { checkpointOrigin, type SignedCheckpoint } from "./checkpoint.ts";
import { GENESIS_HASH } from "./event.ts";
import type { EventCheck } from "./event-check.ts";
import type { PublishedKey } from "./keys.ts";
import type { ProblemCode, VerifyReport } from "./report.ts";
import { PROGRESS_EVENTS, type Source } from "./verify.ts";

/** How a bundle is verified. */
export interface VerifyBundleOptions {
  /** Key ids or public keys (base64 or hex) that are known from elsewhere. */
  readonly pinned?: readonly string[];
  /** Whether the last event must be covered by a seal; true unless stated. */
  readonly requireSealedTail?: boolean;
  /** Whether every blob that an event refers to must be there; true unless stated. A blob that is there must fit always. */
  readonly requireBlobs?: boolean;
  /** Checkpoints that somebody kept: the chain must have been so, and not have been cut back since. */
  readonly expectCheckpoints?: readonly SignedCheckpoint[];
  /** Further checks of each event. */
  readonly checks?: readonly EventCheck[];
  /** Called now and then with the seq that was reached. */
  readonly onProgress?: (seq: number) => void;
}

/** What was found in a bundle. */
export interface BundleReport extends VerifyReport {
  /** As the header states it, which nothing proves; empty where there was no header. */
  readonly instance: string;
  /** When it was made, as the header states it. */
  readonly madeAt: string;
  /** How many blobs there were. */
  readonly blobs: number;
  /** What people signed, and how much of that was checked with passkeys that the bundle itself brings. */
  readonly assertions: AssertionSummary;
}

/**
 * Verifies an evidence bundle by itself, line by line; see `BUNDLE_VERSION` for the order of lines. What grows with it are
 * the sums of its blobs alone.
 *
 * Never throws for the content of lines: what is wrong is in the report. A `verification_failed` from the source (a line
 * too long, not UTF-8, cut off) is a problem as well; anything else that the source throws is passed on. Throws
 * `invalid_argument` for what is no bundle at all: nothing in it, or text that has no line of one in the beginning.
 */
export async function verifyBundle(lines: Source<string>, options: VerifyBundleOptions = {}): Promise<BundleReport> {
  const reading = new BundleReading(options);
  try {
    for await (const line of lines) {
      reading.line(line);
      if (reading.hasEnded) break;
    }
  } catch (error) {
    if (!isWritError(error, "verification_failed")) throw error;
    if (!reading.hasBegun) throw noBundle();
    reading.end(messageOf(error));
  }
  return reading.finish();
}

class BundleReading {
  private readonly options: VerifyBundleOptions;
  private readonly keys: PublishedKey[] = [];
  private readonly needed = new Map<string, number>();
  private readonly present = new Set<string>();
  private readonly assertions = new BundleAssertions();
  private header: BundleHeader | undefined;
  private chain: ChainVerifier | undefined;
  private expectedSeq = 1;
  private damagedHeader: string | undefined;
  private number = 0;

  constructor(options: VerifyBundleOptions) {
    this.options = options;
  }

  /** Whether a line was read. */
  get hasBegun(): boolean {
    return this.number > 0;
  }

  get hasEnded(): boolean {
    return this.chain?.hasEnded ?? false;
  }

  line(text: string): void {
    this.number += 1;
    // A damaged first line is a damaged bundle where a line of a bundle follows it, and else no bundle at all.
    if (this.number === 1 && !isLineOfBundle(text)) {
      this.damagedHeader = text;
      return;
    }
    if (this.damagedHeader !== undefined) {
      if (this.number > 2 || !isLineOfBundle(text)) throw noBundle();
      this.end("line 1: it is not the header that stands on the first line");
      return;
    }
    const line = this.parse(text);
    if (line === undefined) return;
    if ((line.kind === "header") !== (this.number === 1)) {
      this.end(`line ${this.number}: a header stands on the first line and nowhere else`);
    } else {
      this.take(line);
    }
  }

  /** Ends with a problem of the file itself, at the event that was to come next. */
  end(message: string, code: ProblemCode = "bundle_malformed"): void {
    const seq = this.header === undefined ? 0 : this.expectedSeq;
    // Before the chain has begun the keys are not all read yet: they are left out, so that this problem is the one shown.
    const chain = this.chain ?? this.startChain([], []);
    if (!chain.hasEnded) chain.end(seq, code, message);
  }

  finish(): BundleReport {
    if (this.number === 0 || (this.damagedHeader !== undefined && !this.hasEnded)) throw noBundle();
    if (this.header === undefined && !this.hasEnded) this.end("the bundle has no header");
    const chain = this.chain ?? this.startChain();
    if (!chain.hasEnded && (this.options.requireBlobs ?? true)) this.checkBlobs(chain);
    const { instance = "", madeAt = "", tenant = "" } = this.header ?? {};
    for (const { origin } of this.options.expectCheckpoints ?? []) {
      if (origin === checkpointOrigin(instance, tenant)) continue;
      chain.note(0, "tenant_mismatch", `the expected checkpoint is of \`${origin}\`, and the bundle of another chain`);
    }
    return { ...chain.finish(), instance, madeAt, blobs: this.present.size, assertions: this.assertions.summary };
  }

  private parse(text: string): BundleLine | undefined {
    try {
      return parseBundleLine(text);
    } catch (error) {
      if (!isWritError(error)) throw error;
      this.end(`line ${this.number}: ${messageOf(error)}`);
      return undefined;
    }
  }

  private take(line: BundleLine): void {
    switch (line.kind) {
      case "header":
        this.header = line.header;
        this.expectedSeq = line.header.first;
        break;
      case "key":
        this.takeKey(line.key);
        break;
      case "event":
        this.takeEvent(line.text, line.hash);
        break;
      case "seal":
        (this.chain ?? this.startChain()).seal(line.seal);
        break;
      case "checkpoint":
        (this.chain ?? this.startChain()).checkpoint(line.checkpoint);
        break;
      case "inclusion":
        (this.chain ?? this.startChain()).inclusion(line.proof);
        break;
      case "consistency":
        (this.chain ?? this.startChain()).consistency(line.proof);
        break;
      case "enrolment":
        this.complain(this.assertions.enrolment(line.enrolment, this.header?.tenant ?? ""));
        break;
      case "assertion":
        this.complain(this.assertions.assertion(line));
        break;
      case "blob":
        this.takeBlob(line.sha256, line.bytes);
        break;
    }
  }

  private complain(what: string | undefined): void {
    if (what !== undefined) this.end(`line ${this.number}: ${what}`);
  }

  private takeKey(key: PublishedKey): void {
    if (this.chain === undefined) this.keys.push(key);
    else this.end(`line ${this.number}: a key stands behind an event or seal`);
  }

  private takeEvent(text: string, hash: string): void {
    const chain = this.chain ?? this.startChain();
    chain.event({ seq: this.expectedSeq, bytes: text, hash });
    if (this.expectedSeq % PROGRESS_EVENTS === 0) this.options.onProgress?.(this.expectedSeq);
    if (!chain.hasEnded) this.expectedSeq += 1;
  }

  private takeBlob(sum: string, bytes: Uint8Array): void {
    if (sha256Hex(bytes) !== sum) {
      this.end(`line ${this.number}: the blob \`${sum}\` is not what its sum says`, "blob_mismatch");
    } else if (this.present.has(sum)) {
      this.end(`line ${this.number}: the blob \`${sum}\` stands twice`);
    } else {
      this.present.add(sum);
      this.needed.delete(sum);
    }
  }

  private startChain(
    keys: readonly PublishedKey[] = this.keys,
    pinned: readonly string[] = this.options.pinned ?? [],
  ): ChainVerifier {
    const header = this.header;
    this.chain = new ChainVerifier({
      tenant: header?.tenant ?? "",
      start: {
        seq: header?.first ?? 1,
        prev: header?.prev ?? GENESIS_HASH,
        frontier: fromHex(header?.frontier.join("") ?? ""),
      },
      keys,
      pinned,
      requireSealedTail: this.options.requireSealedTail ?? true,
      checks: [...(this.options.checks ?? []), this.assertions.check],
      expectCheckpoints: this.options.expectCheckpoints ?? [],
      ...(header === undefined ? {} : { instance: header.instance }),
      ...(header === undefined ? {} : { expectHead: { seq: header.last, root: header.root } }),
      onReference: (sha256, seq) => {
        if (!this.present.has(sha256) && !this.needed.has(sha256)) this.needed.set(sha256, seq);
      },
    });
    return this.chain;
  }

  private checkBlobs(chain: ChainVerifier): void {
    for (const [sha256, seq] of this.needed) {
      chain.note(seq, "blob_missing", `the blob \`${sha256}\` that event ${seq} refers to is not here`);
    }
  }
}

function isLineOfBundle(text: string): boolean {
  return text.startsWith("{") && text.includes('"kind":"');
}

function noBundle(): WritError {
  return new WritError("invalid_argument", "this is no evidence bundle");
}
