import type { Connection } from "#src/vault/connections.ts";
import { path, withQuery } from "./address.ts";
import { type FormState, formError, input, select, submit } from "./form.ts";
import { attribute, type Content, type Html, html } from "./html.ts";
import {
  badge,
  card,
  code,
  empty,
  facts,
  notice,
  pageHead,
  relative,
  shortCode,
  stateBadge,
  table,
  time,
} from "./parts.ts";

/** What the list of connections shows. */
export interface ConnectionsModel {
  readonly connections: readonly Connection[];
  readonly next: string | undefined;
  readonly mayWrite: boolean;
  readonly now: number;
}

const KIND_WORDS: ReadonlyMap<string, string> = new Map([
  ["none", "no credential"],
  ["bearer", "bearer token"],
  ["basic", "user and password"],
  ["header", "header"],
  ["query", "query parameter"],
]);

/** The page of all connections. */
export function connectionsPage({ connections, next, mayWrite, now }: ConnectionsModel): Html {
  const add = html`<a class="button primary" href="/connections/new">Add a connection</a>`;
  return html`${pageHead("Connections", "Where agents' calls lead, and the credentials that open the doors there. A credential is sealed when it arrives and is never shown again.", mayWrite ? add : undefined)}${card(
    "All connections",
    connections.length === 0
      ? empty(
          "connections",
          "No connection yet",
          "A connection is one upstream: its address, what its calls mean, and the credential that Writ uses there.",
          mayWrite ? add : undefined,
        )
      : html`${table(
          "Connections",
          ["Name", "Address", "Connector", "Credential", "State", "Made"],
          connections.map((connection) => [
            html`<a href="${path`/connections/${connection.name}`}">${connection.name}</a>`,
            code(connection.origin + connection.basePath),
            connection.connector,
            KIND_WORDS.get(connection.auth.kind) ?? connection.auth.kind,
            stateBadge(connection.status),
            relative(connection.createdAt, now),
          ]),
        )}${next === undefined ? undefined : html`<p><a href="${withQuery("/connections", { after: next })}">More connections</a></p>`}`,
  )}`;
}

/** The page with the form of a new connection. */
export function newConnectionPage(connectors: readonly string[], form: FormState): Html {
  return html`${pageHead("Add a connection", "The agent will call it by its name; Writ adds the credential on the way.", html`<a class="button" href="/connections">All connections</a>`)}${newConnectionForm(connectors, form)}`;
}

/** The form; one that was refused draws itself anew. Secrets are never drawn back. */
export function newConnectionForm(connectors: readonly string[], form: FormState): Html {
  const value = (name: string): string => form.values[name] ?? "";
  return html`<section class="card" id="new-connection"><form hx-post="/connections" hx-target="#new-connection" hx-swap="outerHTML">${formError(form)}<div class="form-row">${input("connection", { name: "name", label: "Name", required: true, maxLength: 63, placeholder: "github", isCode: true, hint: "part of the agent's address: /v1/proxy/github/…", value: value("name") })}${select(
    "connection",
    {
      name: "connector",
      label: "Connector",
      required: true,
      hint: "what its methods and paths mean",
      value: value("connector") === "" ? "http" : value("connector"),
    },
    connectors.map((name) => [name, name]),
  )}</div>${input("connection", { name: "url", label: "Address", type: "url", required: true, maxLength: 2000, placeholder: "https://api.github.com", isCode: true, value: value("url") })}${credentialFields("connection", value("kind") === "" ? "bearer" : value("kind"), value)}<div class="form-end">${submit("Add connection")}<a class="button ghost" href="/connections">Cancel</a></div></form></section>`;
}

/** The fields of a credential: its kind, and what each kind needs. */
function credentialFields(form: string, kind: string, value: (name: string) => string, isFixed = false): Html {
  const secretLabel = kind === "basic" && isFixed ? "Password" : "Secret";
  return html`<fieldset><legend>Credential</legend><div class="form-row">${
    isFixed
      ? html`<input type="hidden" name="kind" value="${kind}">`
      : select(form, { name: "kind", label: "How it is sent", required: true, value: kind }, [...KIND_WORDS])
  }${!isFixed || kind === "basic" ? input(form, { name: "username", label: "User", hint: isFixed ? "may be empty" : "for user and password", maxLength: 1024, value: value("username") }) : undefined}${
    !isFixed || kind === "header" || kind === "query"
      ? input(form, {
          name: "field",
          label: "Header or parameter",
          hint: isFixed ? "its name" : "for those two",
          maxLength: 100,
          isCode: true,
          value: value("field"),
        })
      : undefined
  }</div>${input(form, { name: "secret", label: secretLabel, type: "password", ...(isFixed ? { required: true } : {}), maxLength: 16_384, autocomplete: "new-password", hint: "sealed at once, never shown again" })}</fieldset>`;
}

/** What a test of a connection answered. */
export interface ConnectionTest {
  readonly ok: boolean;
  readonly status?: number;
  readonly code?: string;
  readonly message?: string;
}

/** What the page of one connection shows. */
export interface ConnectionModel {
  readonly connection: Connection;
  readonly mayWrite: boolean;
  readonly test: ConnectionTest | undefined;
  readonly form: FormState;
  readonly said: Content;
}

/** One connection. */
export function connectionPage(model: ConnectionModel): Html {
  const { connection } = model;
  return html`${pageHead(connection.name, html`Calls through ${code(`/v1/proxy/${connection.name}/…`)} go to ${code(connection.origin + connection.basePath)}.`, html`<a class="button" href="/connections">All connections</a>`)}${connectionBody(model)}`;
}

/** The part that its actions draw anew. */
export function connectionBody({ connection, mayWrite, test, form, said }: ConnectionModel): Html {
  const address = path`/connections/${connection.name}`;
  const { settings } = connection;
  return html`<div id="connection" class="grid-side"><div class="stack-5">${said}${
    connection.status === "disabled"
      ? notice("warn", "This connection is disabled", "Every call through it is refused.")
      : undefined
  }${test === undefined ? undefined : testResult(test)}${card(
    "Connection",
    facts([
      ["Address", code(connection.origin + connection.basePath)],
      ["Connector", connection.connector],
      ["Commands", code(connection.connector === "http" ? `/http/${connection.name}/…` : `/${connection.connector}/…`)],
      [
        "Credential",
        html`${KIND_WORDS.get(connection.auth.kind) ?? connection.auth.kind}${connection.auth.name === null ? undefined : html` ${code(connection.auth.name)}`}${connection.secretVersion === null ? undefined : html` <span class="muted">version ${connection.secretVersion}</span>`}`,
      ],
      ["State", stateBadge(connection.status)],
      ["Id", shortCode(connection.id, 24)],
      ["Made", time(connection.createdAt)],
    ]),
  )}${card(
    "How calls are made",
    facts([
      [
        "Whole call",
        settings.totalMs === undefined ? html`<span class="muted">as usual</span>` : `at most ${settings.totalMs} ms`,
      ],
      [
        "Answer",
        settings.maxResponseBytes === undefined
          ? html`<span class="muted">as usual</span>`
          : `at most ${settings.maxResponseBytes} bytes`,
      ],
      [
        "Waits for a person",
        settings.waitSeconds === undefined || settings.waitSeconds === 0
          ? html`<span class="muted">where the client asks for it</span>`
          : `${settings.waitSeconds} s`,
      ],
      ["Test asks for", code(settings.testPath ?? "/")],
      [
        "More headers",
        settings.forwardHeaders === undefined || settings.forwardHeaders.length === 0
          ? html`<span class="muted">none</span>`
          : settings.forwardHeaders.join(", "),
      ],
    ]),
  )}</div>${
    mayWrite
      ? html`<aside class="stack-5">${card(
          "Test",
          html`<p class="muted small-text">Asks the upstream whether it takes the credential.</p><div><button type="button" class="button" hx-post="${`${address}/test`}" hx-target="#connection" hx-swap="outerHTML" hx-disable="this">Test connection</button></div>`,
        )}${
          connection.auth.kind === "none"
            ? undefined
            : card(
                "Replace the credential",
                html`<form hx-post="${`${address}/credential`}" hx-target="#connection" hx-swap="outerHTML">${formError(form)}${credentialFields("credential", connection.auth.kind, (name) => (name === "field" ? (connection.auth.name ?? "") : (form.values[name] ?? "")), true)}<div class="form-end">${submit("Replace", "plain")}</div></form>`,
                badge("old one is destroyed"),
              )
        }${card(
          "Stop",
          connection.status === "active"
            ? html`<div><button type="button" class="button danger" hx-post="${`${address}/disablement`}" hx-target="#connection" hx-swap="outerHTML"${attribute("hx-confirm", `Every call through ${connection.name} is refused from now on, and what runs is cut.`)}>Disable connection</button></div>`
            : html`<div><button type="button" class="button primary" hx-post="${`${address}/enablement`}" hx-target="#connection" hx-swap="outerHTML">Enable connection</button></div>`,
        )}</aside>`
      : undefined
  }</div>`;
}

function testResult({ ok, status, code: why, message }: ConnectionTest): Html {
  if (ok)
    return notice(
      "ok",
      "The upstream takes the credential",
      status === undefined ? undefined : `It answered ${status}.`,
    );
  return notice(
    "bad",
    "The test failed",
    html`${message ?? why ?? "the upstream said no"}${status === undefined ? undefined : html` (it answered ${status})`}`,
  );
}
