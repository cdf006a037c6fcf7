import type { ArchiveStatus } from "#src/archive/archive.ts";
import type { CheckpointView } from "#src/audit/checkpoints.ts";
import type { Stream } from "#src/audit/streams.ts";
import { withQuery } from "./address.ts";
import { type Content, type Html, html } from "./html.ts";
import { bytes, format } from "./overview.ts";
import {
  badge,
  card,
  code,
  copyable,
  empty,
  type Fact,
  facts,
  fold,
  pageHead,
  relative,
  shortCode,
  table,
  timeOf,
} from "./parts.ts";

/** What the page of checkpoints and what leaves the host shows. */
export interface CheckpointsModel {
  readonly checkpoints: readonly CheckpointView[];
  readonly next: number | undefined;
  /** Events in the chain. */
  readonly size: number;
  readonly mayMake: boolean;
  /** Undefined for whoever may not see it. */
  readonly archive: ArchiveStatus | undefined;
  /** Undefined for whoever may not see them. */
  readonly streams: readonly Stream[] | undefined;
  readonly now: number;
}

/** The page of checkpoints. */
export function checkpointsPage(model: CheckpointsModel): Html {
  return html`${pageHead("Checkpoints", "Small signed statements of what the chain was. One that is kept elsewhere shows whether anything was changed since.", html`<a class="button" href="/events">Events</a>`)}${checkpointsBody(model)}`;
}

/** The part that making one draws anew. */
export function checkpointsBody(model: CheckpointsModel): Html {
  return html`<div id="checkpoints" class="grid-side"><div class="stack-5">${listCard(model)}${streamsCard(model)}</div><aside class="stack-5">${newestCard(model)}${archiveCard(model)}</aside></div>`;
}

function listCard({ checkpoints, next, mayMake }: CheckpointsModel): Html {
  return card(
    "Checkpoints",
    html`${
      checkpoints.length === 0
        ? empty("chain", "No checkpoint yet", "One is signed every day by itself.")
        : table(
            "Checkpoints",
            ["Events", "Signed (UTC)", "Root", "Key", "Witnesses"],
            checkpoints.map(({ size, at, root, key, madeBy, witnesses }) => [
              html`${format(size)}${madeBy === "request" ? html`<span class="sub">on request</span>` : undefined}`,
              timeOf(at),
              shortCode(root, 18),
              shortCode(key, 18),
              witnesses.length === 0 ? html`<span class="muted">none</span>` : witnesses.join(", "),
            ]),
          )
    }${next === undefined ? undefined : html`<div><a class="button small" href="${withQuery("/checkpoints", { before: next })}">Older checkpoints</a></div>`}`,
    mayMake
      ? html`<button type="button" class="button small" hx-post="/checkpoints" hx-target="#checkpoints" hx-swap="outerHTML">Sign one now</button>`
      : undefined,
  );
}

function newestCard({ checkpoints: [newest], size }: CheckpointsModel): Content {
  if (newest === undefined) return undefined;
  const behind = size - newest.size;
  return card(
    "The newest",
    html`${facts([
      ["Covers", `${format(newest.size)} of ${format(size)} events`],
      behind > 0 && ["Since then", `${format(behind)} events`],
    ])}${fold("The signed note", html`<pre>${newest.note}</pre>`)}<p class="muted small-text">Keep it where this host cannot reach, and compare:</p>${copyable("writ audit checkpoint --qr", "Copy command")}`,
  );
}

const ARCHIVE_WORDS: Readonly<Record<ArchiveStatus["state"], readonly [string, "ok" | "warn" | "bad" | "plain"]>> = {
  ok: ["in order", "ok"],
  failing: ["failing", "bad"],
  damaged: ["damaged", "bad"],
  late: ["late", "warn"],
  off: ["off", "plain"],
};

function archiveCard({ archive, now }: CheckpointsModel): Content {
  if (archive === undefined) return undefined;
  const { state, store, archivedThrough, prunedThrough, lastSeq, lastRun, totals } = archive;
  const [word, tone] = ARCHIVE_WORDS[state];
  return card(
    "Archive",
    state === "off"
      ? html`<p class="muted small-text">No archive is configured: the chain is on this host alone. <code>WRIT_ARCHIVE_URL</code> names a folder or a bucket.</p>`
      : facts([
          ["Where", code(store ?? "")],
          ["Archived", `${format(archivedThrough)} of ${format(lastSeq)} events`],
          ...totals.map(
            ({ state: kind, segments, bytes: size }): Fact => [
              `Segments ${kind}`,
              `${format(segments)}, ${bytes(size)}`,
            ],
          ),
          prunedThrough > 0 && ["In the archive alone", `up to event ${format(prunedThrough)}`],
          lastRun !== undefined && ["Last run", relative(lastRun.lastRunAt, now)],
          lastRun !== undefined && lastRun.errorMessage !== null && ["What went wrong", lastRun.errorMessage],
        ]),
    badge(word, tone),
  );
}

function streamsCard({ streams, now }: CheckpointsModel): Content {
  if (streams === undefined) return undefined;
  return card(
    "Streams",
    streams.length === 0
      ? empty(
          "next",
          "Nothing is sent elsewhere",
          html`<code>writ stream add</code> sends events to a collector as they come.`,
        )
      : table(
          "Streams",
          ["Stream", "To", "State", "Behind", "Last taken"],
          streams.map(({ name, kind, destination, status, lagEvents, failures, lastError, lastTakenAt }) => [
            html`${name}<span class="sub">${kind}</span>`,
            code(destination),
            html`${status === "disabled" ? badge("disabled") : failures > 0 ? badge("failing", "bad") : badge("active", "ok")}${lastError === null ? undefined : html`<span class="sub">${lastError}</span>`}`,
            lagEvents === 0 ? "nothing" : `${format(lagEvents)} events`,
            lastTakenAt === null ? html`<span class="muted">never</span>` : relative(lastTakenAt, now),
          ]),
        ),
  );
}
