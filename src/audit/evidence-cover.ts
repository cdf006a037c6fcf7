import { toRfc3339 } from "#src/base/clock.ts";
import type { AgentId, RunId } from "#src/base/ids.ts";
import type { EvidenceSummary } from "#src/store/jobs/evidence.ts";
import { CSV_COLUMNS, type EvidenceFormat, escapeHtml, formatCsvRecord } from "#src/store/jobs/evidence-format.ts";
import { CONTROL_MAP_NOTE, CONTROLS, type Control, speaksTo } from "./control-map.ts";

/** What evidence is wanted of: all that is given must hold. */
export interface EvidenceScope {
  readonly type?: string;
  /** Events by or about this agent. */
  readonly agent?: AgentId;
  /** Events that name this run. */
  readonly run?: RunId;
  /** Milliseconds, inclusive. */
  readonly since?: number;
  /** Milliseconds, exclusive. */
  readonly until?: number;
}

/** What stands around the events of an export. */
export interface EvidenceCover {
  readonly tenant: string;
  readonly tenantName: string;
  readonly scope: EvidenceScope;
  readonly summary: EvidenceSummary;
  /** The newest event when it was made. */
  readonly through: number;
  /** RFC 3339. */
  readonly madeAt: string;
  /** The newest checkpoint, as a signed note. */
  readonly checkpoint: string | undefined;
  readonly isOpened: boolean;
}

/** Prints on paper as on a screen; nothing is loaded, and no script runs. */
const STYLE = `
:root { color-scheme: light }
body { font: 14px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; color: #16181d; background: #fff }
h1 { font-size: 1.6rem } h2 { font-size: 1.15rem; margin-top: 2rem }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.2rem } dt { color: #4a4f58 } dd { margin: 0 }
table { border-collapse: collapse; width: 100%; font-size: 12px } th, td { border: 1px solid #c9ccd2; padding: .3rem .45rem; text-align: left; vertical-align: top; overflow-wrap: anywhere }
th { background: #f0f1f4 } thead { display: table-header-group } tr { break-inside: avoid }
pre { margin: 0; white-space: pre-wrap; max-width: 34rem } pre, code { font: 11px/1.35 ui-monospace, monospace }
.note { border-left: 4px solid #8a6d00; background: #fff8e1; padding: .6rem .9rem }
@media print { body { margin: 0; max-width: none; font-size: 10pt } table { font-size: 8pt } .events { break-before: page } @page { size: A4 landscape; margin: 14mm } }
`;

/** What stands before the first event. */
export function beginEvidence(format: EvidenceFormat, cover: EvidenceCover): string {
  switch (format) {
    case "csv":
      return formatCsvRecord(CSV_COLUMNS);
    case "jsonl":
      return `${JSON.stringify(coverRecord(cover))}\n`;
    case "html":
      return htmlHead(cover);
  }
}

/** What stands behind the last. */
export function endEvidence(format: EvidenceFormat): string {
  return format === "html" ? "</tbody></table></section></body></html>\n" : "";
}

function coverRecord(cover: EvidenceCover): Readonly<Record<string, unknown>> {
  const { tenant, tenantName, summary, through, madeAt, checkpoint, isOpened } = cover;
  return {
    kind: "evidence",
    v: 1,
    tenant,
    tenant_name: tenantName,
    made_at: madeAt,
    scope: scopeFields(cover),
    personal: isOpened ? "opened" : "sealed",
    events: summary.events,
    chain_events: through,
    types: Object.fromEntries(summary.types),
    checkpoint,
    controls: controlRows(summary).map(({ control, events }) => ({
      framework: control.framework,
      control: control.id,
      asks: control.asks,
      events: Object.fromEntries(events),
    })),
    note: CONTROL_MAP_NOTE,
  };
}

function htmlHead(cover: EvidenceCover): string {
  const { tenant, tenantName, summary, through, madeAt, checkpoint, isOpened } = cover;
  const title = `Evidence: ${tenantName}, ${madeAt.slice(0, 10)}`;
  const fields: (readonly [string, string])[] = [
    ["Tenant", `${tenantName} (${tenant})`],
    ["Made at", madeAt],
    [
      "Of",
      Object.entries(scopeFields(cover))
        .map(([name, value]) => `${name} ${value}`)
        .join(", ") || "the whole chain",
    ],
    ["Events", `${summary.events} of ${through}`],
    ["From", summary.events === 0 ? "" : `event ${summary.first}, ${toRfc3339(summary.firstAt)}`],
    ["Through", summary.events === 0 ? "" : `event ${summary.last}, ${toRfc3339(summary.lastAt)}`],
    ["Personal data", isOpened ? "in the clear; of who was erased the word `erased`" : "sealed"],
  ];
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>${escapeHtml(title)}</title><style>${STYLE}</style></head>
<body><h1>${escapeHtml(title)}</h1>
<dl>${fields.map(([name, value]) => `<dt>${name}</dt><dd>${escapeHtml(value)}</dd>`).join("")}</dl>
<section><h2>What proves it</h2>
<p>This page is for reading. What proves it is the bundle of the same events, which anybody verifies offline with the instance's published key:
<code>writ audit export --format bundle --out evidence.jsonl</code>, then <code>writ verify --key KEY evidence.jsonl</code>. The last column gives each event's hash, which the bundle has too.</p>
${checkpoint === undefined ? "<p>There is no checkpoint yet.</p>" : `<p>The newest checkpoint of the chain:</p><pre>${escapeHtml(checkpoint)}</pre>`}</section>
<section><h2>Records by kind</h2><table><thead><tr><th>Type</th><th>Events</th></tr></thead><tbody>
${summary.types.map(([type, count]) => `<tr><td>${escapeHtml(type)}</td><td>${count}</td></tr>`).join("\n")}
</tbody></table></section>
<section><h2>Control map</h2><p class="note">${escapeHtml(CONTROL_MAP_NOTE)}</p>
<table><thead><tr><th>Framework</th><th>Control</th><th>Asks for</th><th>Records here that speak to it</th></tr></thead><tbody>
${controlRows(summary).map(controlRow).join("\n")}
</tbody></table></section>
<section class="events"><h2>Events, oldest first</h2>
<table><thead><tr><th>Seq</th><th>At</th><th>Type</th><th>Actor</th><th>Decision</th><th>Command</th><th>Resource</th><th>Data and hash</th></tr></thead><tbody>
`;
}

function controlRow({
  control,
  events,
}: {
  readonly control: Control;
  readonly events: EvidenceSummary["types"];
}): string {
  const said = events.length === 0 ? "none" : events.map(([type, count]) => `${type} (${count})`).join(", ");
  const cells = [control.framework, control.id, control.asks, said];
  return `<tr>${cells.map((cell) => `<td>${escapeHtml(cell)}</td>`).join("")}</tr>`;
}

function controlRows({ types }: EvidenceSummary) {
  return CONTROLS.map((control) => ({ control, events: types.filter(([type]) => speaksTo(control, type)) }));
}

function scopeFields({ scope }: EvidenceCover): Readonly<Record<string, string>> {
  const { type, agent, run, since, until } = scope;
  return {
    ...(type === undefined ? {} : { type }),
    ...(agent === undefined ? {} : { agent }),
    ...(run === undefined ? {} : { run }),
    ...(since === undefined ? {} : { since: toRfc3339(since) }),
    ...(until === undefined ? {} : { until: toRfc3339(until) }),
  };
}
