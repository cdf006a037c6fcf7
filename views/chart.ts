import { type DecisionBucket, OUTCOMES, type OutcomeName } from "#src/audit/overview.ts";
import { toRfc3339 } from "#src/base/clock.ts";
import { type Html, html } from "./html.ts";
import { fold, table } from "./parts.ts";

/** Outcomes as people call them. */
const OUTCOME_WORDS: Readonly<Record<OutcomeName, string>> = {
  allow: "Allowed",
  step_up: "Sent to a person",
  deny: "Denied",
};

const HEIGHT = 200;
const WIDTH = 1000;
const GAP = 0.22;
/** An outcome that happened at all shows, however rare it is. */
const LEAST = 2;

/** Decisions over time: a bar for each stretch, its outcomes one above the other; the same as a table behind a fold. */
export function decisionChart(buckets: readonly DecisionBucket[], bucketMs: number): Html {
  const top = Math.max(1, ...buckets.map(({ counts }) => OUTCOMES.reduce((sum, name) => sum + counts[name], 0)));
  const step = WIDTH / buckets.length;
  const total = (name: OutcomeName): number => buckets.reduce((sum, { counts }) => sum + counts[name], 0);
  const summary = OUTCOMES.map((name) => `${total(name)} ${OUTCOME_WORDS[name].toLowerCase()}`).join(", ");
  const label = (at: number): string =>
    bucketMs >= 86_400_000 ? toRfc3339(at).slice(5, 10) : toRfc3339(at).slice(5, 16).replace("T", " ");
  return html`<figure><svg class="chart" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${`Decisions over time: ${summary}`}">${[
    0.25, 0.5, 0.75, 1,
  ].map(
    (part) => html`<line class="axis" x1="0" x2="${WIDTH}" y1="${HEIGHT * part - 0.5}" y2="${HEIGHT * part - 0.5}"/>`,
  )}${buckets.map((bucket, index) => bar(bucket, top, (index + GAP / 2) * step, step * (1 - GAP)))}</svg><div class="chart-labels" aria-hidden="true"><span>${label(buckets[0]?.at ?? 0)}</span><span>${label(buckets[Math.floor(buckets.length / 2)]?.at ?? 0)}</span><span>now</span></div></figure>${legend(top, bucketMs)}${fold(
    "The same as a table",
    table(
      "Decisions over time",
      ["From (UTC)", ...OUTCOMES.map((name) => OUTCOME_WORDS[name])],
      buckets
        .filter(({ counts }) => OUTCOMES.some((name) => counts[name] > 0))
        .map(({ at, counts }) => [label(at), ...OUTCOMES.map((name) => counts[name])]),
    ),
  )}`;
}

function bar({ counts }: DecisionBucket, top: number, x: number, width: number): Html {
  let y = HEIGHT;
  return html`${OUTCOMES.map((name) => {
    if (counts[name] === 0) return undefined;
    const height = Math.max(LEAST, (counts[name] / top) * (HEIGHT - 8));
    y -= height;
    return html`<rect class="chart-${name}" x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}"/>`;
  })}`;
}

function legend(top: number, bucketMs: number): Html {
  const stretch = bucketMs >= 86_400_000 ? "a day" : bucketMs > 3_600_000 ? "six hours" : "an hour";
  return html`<div class="legend">${OUTCOMES.map(
    (name) =>
      html`<span><svg width="10" height="10" aria-hidden="true"><rect class="chart-${name}" width="10" height="10" rx="2"/></svg>${OUTCOME_WORDS[name]}</span>`,
  )}<span class="peak">at most ${top} in ${stretch}</span></div>`;
}

/** How outcomes share one amount. */
export function outcomeMeter(counts: Readonly<Record<OutcomeName, number>>): Html {
  const total = Math.max(
    1,
    OUTCOMES.reduce((sum, name) => sum + counts[name], 0),
  );
  let x = 0;
  return html`<svg class="meter" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect class="meter-ground" width="100" height="8"/>${OUTCOMES.map(
    (name) => {
      const width = (counts[name] / total) * 100;
      const from = x;
      x += width;
      return width === 0
        ? undefined
        : html`<rect class="chart-${name}" x="${round(from)}" width="${round(width)}" height="8"/>`;
    },
  )}</svg>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
