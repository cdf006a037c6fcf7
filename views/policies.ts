import { path } from "./address.ts";
import { type FormState, formError, input, submit, textArea } from "./form.ts";
import { attribute, type Content, type Html, html } from "./html.ts";
import { badge, card, code, empty, facts, fold, notice, pageHead, relative, shortCode, table, time } from "./parts.ts";

/** A version in a list. */
export interface VersionEntry {
  readonly version: number;
  readonly sha256: string;
  /** By name where it is somebody's, by id otherwise. */
  readonly author: string;
  readonly message: string;
  readonly createdAt: number;
  readonly active: boolean;
}

/** The pages that policies have. */
function policyTabs(current: string, mayWrite: boolean): Html {
  const tabs: readonly (readonly [path: string, name: string, writes: boolean])[] = [
    ["/policies", "Versions", false],
    ["/policies/edit", "Editor", true],
    ["/policies/builder", "Builder", true],
    ["/policies/tests", "Tests", false],
    ["/policies/explain", "Why", false],
    ["/policies/replay", "Replay", false],
    ["/policies/shadow", "Shadow", false],
  ];
  return html`<nav class="tabs" aria-label="Policies">${tabs
    .filter(([, , writes]) => mayWrite || !writes)
    .map(
      ([address, name]) =>
        html`<a href="${address}"${attribute("aria-current", address === current ? "page" : undefined)}>${name}</a>`,
    )}</nav>`;
}

/** What every page about policies begins with. */
export function policyHead(current: string, mayWrite: boolean): Html {
  return html`${pageHead("Policies", "What agents may do, in Cedar. What no policy permits is denied; a version never changes, a change is a new one.")}${policyTabs(current, mayWrite)}`;
}

/** The list of versions with the one that decides. */
export function policiesPage(model: {
  readonly versions: readonly VersionEntry[];
  readonly mayWrite: boolean;
  readonly now: number;
  readonly source: string | undefined;
}): Html {
  const { versions, mayWrite, now, source } = model;
  const edit = html`<a class="button primary" href="/policies/edit">Edit</a>`;
  return html`${policyHead("/policies", mayWrite)}${card(
    "Deciding now",
    source === undefined
      ? empty(
          "policies",
          "No policies yet",
          "Everything is denied until a policy permits it.",
          mayWrite ? html`<a class="button primary" href="/policies/edit">Write the first</a>` : undefined,
        )
      : sourceView(source),
    mayWrite && source !== undefined ? edit : undefined,
  )}${
    versions.length === 0
      ? undefined
      : card(
          "Versions",
          table(
            "Versions",
            ["Version", "Message", "By", "Made", "State"],
            versions.map((version) => [
              html`<a href="${path`/policies/versions/${version.version}`}">${version.version}</a>`,
              version.message === "" ? html`<span class="muted">no message</span>` : version.message,
              version.author,
              relative(version.createdAt, now),
              version.active ? badge("active", "ok") : html`<span class="muted">earlier</span>`,
            ]),
          ),
        )
  }`;
}

/** More than this is not drawn in a page. */
const MAX_SHOWN_CHARACTERS = 100_000;

function sourceView(source: string): Html {
  if (source.length <= MAX_SHOWN_CHARACTERS) return html`<pre>${source}</pre>`;
  const note = notice(
    "warn",
    "This is the beginning",
    html`${source.length} characters in all: <code>writ policy show</code> prints them.`,
  );
  return html`${note}<pre>${source.slice(0, MAX_SHOWN_CHARACTERS)}</pre>`;
}

/** One line of a difference. */
export interface DiffLine {
  readonly kind: "same" | "added" | "removed" | "gap";
  readonly text: string;
}

/** Lines that were added and removed, each with its sign so that colour is not all that tells. */
export function diffView(lines: readonly DiffLine[]): Html {
  if (lines.every(({ kind }) => kind === "same")) return html`<p class="muted">There is no difference.</p>`;
  const signs = { same: "  ", added: "+ ", removed: "- ", gap: "  " } as const;
  return html`<div class="diff" tabindex="0" role="region" aria-label="Difference">${lines.map(({ kind, text }) => html`<div class="${kind}">${signs[kind]}${text}</div>`)}</div>`;
}

/** One version, and how it differs from the one before or the one that decides. */
export function versionPage(model: {
  readonly version: VersionEntry;
  readonly source: string;
  readonly against: number | undefined;
  readonly diff: readonly DiffLine[] | undefined;
  readonly mayWrite: boolean;
  readonly said: Content;
}): Html {
  const { version } = model;
  return html`${pageHead(`Policies, version ${version.version}`, version.message === "" ? "No message was given." : version.message, html`<a class="button" href="/policies">All versions</a>`)}${versionBody(model)}`;
}

/** The part that activating draws anew. */
export function versionBody({
  version,
  source,
  against,
  diff,
  mayWrite,
  said,
}: Parameters<typeof versionPage>[0]): Html {
  return html`<div id="version" class="grid-side"><div class="stack-5">${said}${
    diff === undefined || against === undefined ? undefined : card(`Against version ${against}`, diffView(diff))
  }${card("Source", sourceView(source))}</div><aside class="stack-5">${card(
    "Version",
    html`${facts([
      ["State", version.active ? badge("active", "ok") : badge("earlier")],
      ["By", version.author],
      ["Made", time(version.createdAt)],
      ["SHA-256", shortCode(version.sha256, 22)],
    ])}${
      mayWrite && !version.active
        ? html`<div><button type="button" class="button primary" hx-post="${path`/policies/versions/${version.version}/activation`}" hx-target="#version" hx-swap="outerHTML" hx-confirm="This version decides from the next request on.">Let it decide</button></div>`
        : undefined
    }`,
  )}</aside></div>`;
}

/** Something wrong with a source, where it is. */
export interface Problem {
  readonly line: number;
  readonly column: number;
  readonly code?: string;
  readonly message: string;
  readonly help?: string;
  readonly policy?: string;
}

/** What the editor shows. */
export interface EditorModel {
  readonly source: string;
  readonly message: string;
  readonly expected: number | undefined;
  readonly problems: readonly Problem[] | undefined;
  readonly diff: readonly DiffLine[] | undefined;
  readonly form: FormState;
  readonly said: Content;
}

/** The page of the editor. */
export function editorPage(model: EditorModel): Html {
  return html`${policyHead("/policies/edit", true)}${editorBody(model)}`;
}

/** The editor with what is wrong in place; checking and saving draw it anew. */
export function editorBody({ source, message, expected, problems, diff, form, said }: EditorModel): Html {
  return html`<section class="card" id="editor"><header class="card-head"><h2>Editor</h2>${expected === undefined ? undefined : html`<span class="muted small-text">begun from version ${expected}</span>`}</header>${said}<form class="editor" hx-post="/policies" hx-target="#editor" hx-swap="outerHTML">${formError(form)}${problemList(problems, source)}${textArea("editor", { name: "source", label: "Cedar policies", required: true, rows: 20, isCode: true, value: source, placeholder: '@id("read-only")\npermit (principal, action in Action::"tier:read", resource);' })}${input("editor", { name: "message", label: "What this changes", maxLength: 1000, hint: "kept with the version", value: message })}<input type="hidden" name="expected" value="${expected ?? ""}"><div class="form-end">${submit("Save and let it decide")}<button type="button" class="button" hx-post="/policies/check" hx-include="closest form" hx-target="#editor" hx-swap="outerHTML">Check</button><a class="button ghost" href="/policies/templates">Start from a template</a></div></form>${diff === undefined ? undefined : fold("What changes against the version that decides", diffView(diff), true)}</section>`;
}

function problemList(problems: readonly Problem[] | undefined, source: string): Content {
  if (problems === undefined) return undefined;
  if (problems.length === 0) return notice("ok", "Nothing is wrong with these policies");
  const lines = source.split("\n");
  return html`<div class="stack" role="alert" tabindex="-1" data-focus><p class="notice-title">${problems.length === 1 ? "One thing is wrong" : `${problems.length} things are wrong`}. Nothing was saved.</p>${problems.map(
    ({ line, column, message, help, policy }) =>
      html`<div class="problem"><span class="where">line ${line}, column ${column}</span><span>${message}${policy === undefined ? undefined : html` <span class="muted">in ${code(policy)}</span>`}${help === undefined ? undefined : html`<span class="sub">${help}</span>`}</span>${
        line >= 1 && lines[line - 1] !== undefined
          ? html`<pre>${lines[line - 1] as string}
${" ".repeat(Math.max(0, Math.min(column - 1, 400)))}^</pre>`
          : undefined
      }</div>`,
  )}</div>`;
}

/** A template to start from. */
export interface TemplateEntry {
  readonly name: string;
  readonly summary: string;
  readonly source: string;
}

/** The page of templates. */
export function templatesPage(templates: readonly TemplateEntry[]): Html {
  return html`${policyHead("/policies/edit", true)}${card(
    "Templates",
    html`<p class="muted">Each is a policy to copy into the editor and to change there.</p>${templates.map(
      ({ name, summary, source }) => fold(name, html`<p>${summary}</p><pre>${source}</pre>`),
    )}`,
  )}`;
}
