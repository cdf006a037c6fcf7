import type { MetricFamily, Sample } from "./metrics.ts";

/** The content type of {@link renderExposition}. */
export const EXPOSITION_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/**
 * Prometheus text exposition, format 0.0.4: help, type, then a line a sample. In help a backslash and a line feed are
 * escaped, in label values a double quote too.
 */
export function renderExposition(families: readonly MetricFamily[]): string {
  let text = "";
  for (const family of families) {
    text += `# HELP ${family.name} ${escapeHelp(family.help)}\n# TYPE ${family.name} ${family.type}\n`;
    for (const sample of family.samples)
      text += `${sample.name}${renderLabels(sample)} ${renderNumber(sample.value)}\n`;
  }
  return text;
}

/** The label part of a sample: `{a="1",b="2"}`, or nothing where there are no labels. */
export function renderLabels(sample: Sample): string {
  if (sample.labels.length === 0) return "";
  return `{${sample.labels.map(([name, value]) => `${name}="${escapeLabelValue(value)}"`).join(",")}}`;
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function escapeLabelValue(text: string): string {
  return text.toWellFormed().replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function renderNumber(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  if (value === Number.NEGATIVE_INFINITY) return "-Inf";
  return String(value);
}
