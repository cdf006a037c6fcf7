import { PERSON_ROLES, type PersonRole } from "#src/identity/roles.ts";
import { path, withQuery } from "./address.ts";
import { boxes, type FormState, formError, input, submit } from "./form.ts";
import { type Content, type Html, html } from "./html.ts";
import {
  badge,
  card,
  copyable,
  empty,
  facts,
  failure,
  fold,
  notice,
  pageHead,
  relative,
  shortCode,
  stateBadge,
  table,
  time,
} from "./parts.ts";

/** A person in a list. */
export interface PersonEntry {
  readonly id: string;
  readonly name: string;
  readonly email: string | null;
  readonly roles: readonly PersonRole[];
  readonly status: string;
  readonly createdAt: number;
}

const ROLE_WORDS: Readonly<Record<PersonRole, string>> = {
  owner: "may do everything",
  admin: "runs the tenant: agents, keys, connections, people; writes no policies and approves nothing",
  policy_author: "writes policies",
  approver: "approves and denies calls",
  auditor: "reads everything, changes nothing",
  member: "sees what happens",
};

const ROLE_CHOICES = PERSON_ROLES.map((role) => [role, role.replace("_", " "), ROLE_WORDS[role]] as const);

/** What the list of people shows. */
export interface PeopleModel {
  readonly people: readonly PersonEntry[];
  readonly mayWrite: boolean;
  readonly now: number;
  readonly form: FormState;
  /** A link that was just made, shown this once. */
  readonly link: { readonly url: string; readonly expiresAt: string } | undefined;
}

/** The page of all people. */
export function peoplePage(model: PeopleModel): Html {
  return html`${pageHead("People", "Who may see, run and approve. Everyone signs in with a passkey; there are no passwords.")}${peopleBody(model)}`;
}

/** The list with the form of an invitation. */
export function peopleBody({ people, mayWrite, now, form, link }: PeopleModel): Html {
  return html`<div id="people" class="${mayWrite ? "grid-side" : "stack"}"><div class="stack-5">${link === undefined ? undefined : linkCard(link)}${card(
    "Everyone",
    people.length === 0
      ? empty("people", "Nobody yet", "The first owner enrols with the link that the server prints when it starts.")
      : table(
          "People",
          ["Name", "Roles", "State", "Since"],
          people.map((person) => [
            html`<a href="${path`/people/${person.id}`}">${person.name}</a>${person.email === null ? undefined : html`<span class="sub">${person.email}</span>`}`,
            person.roles.map((role) => role.replace("_", " ")).join(", "),
            stateBadge(person.status),
            relative(person.createdAt, now),
          ]),
        ),
  )}</div>${mayWrite ? inviteForm(form) : undefined}</div>`;
}

function linkCard({ url, expiresAt }: { readonly url: string; readonly expiresAt: string }): Html {
  return html`<section class="card" aria-label="Link">${notice("accent", "Give them this link", html`It works once, until ${time(Date.parse(expiresAt))} UTC, and is shown this once.`)}${copyable(url, "Copy link")}</section>`;
}

function inviteForm(form: FormState): Html {
  const chosen = (form.values["roles"] ?? "member").split(",");
  return html`<section class="card" id="invite"><header class="card-head"><h2>Invite somebody</h2></header><form hx-post="/people" hx-target="#people" hx-swap="outerHTML">${formError(form)}${input("invite", { name: "name", label: "Name", required: true, maxLength: 80, value: form.values["name"] ?? "" })}${input("invite", { name: "email", label: "E-mail", type: "email", maxLength: 254, hint: "to tell them apart, and for notifications", value: form.values["email"] ?? "" })}${boxes("invite", "roles", "Roles", ROLE_CHOICES, chosen)}<div class="form-end">${submit("Make an invitation")}</div></form></section>`;
}

/** A passkey in a list. */
export interface PasskeyEntry {
  readonly id: string;
  readonly name: string;
  readonly isBackedUp: boolean;
  readonly createdAt: number;
  readonly lastUsedAt: number | null;
}

/** A session in a list. */
export interface SessionEntry {
  readonly id: string;
  readonly browser: string;
  readonly address: string;
  readonly createdAt: number;
  readonly lastSeenAt: number;
  readonly isThis: boolean;
}

/** What the page of one person shows; the account page is the same about oneself. */
export interface PersonModel {
  readonly person: PersonEntry;
  readonly passkeys: readonly PasskeyEntry[];
  readonly sessions: readonly SessionEntry[];
  readonly isSelf: boolean;
  readonly mayWrite: boolean;
  readonly now: number;
  readonly form: FormState;
  readonly link: PeopleModel["link"];
  /** Codes that were just made, shown this once. */
  readonly codes: readonly string[] | undefined;
  readonly said: Content;
}

/** One person. */
export function personPage(model: PersonModel): Html {
  const { person, isSelf } = model;
  return html`${pageHead(isSelf ? "My account" : person.name, isSelf ? "Your passkeys, and where you are signed in." : "What they may do, and how they sign in.", isSelf ? undefined : html`<a class="button" href="/people">Everyone</a>`)}${personBody(model)}`;
}

/** The part that its actions draw anew. */
export function personBody(model: PersonModel): Html {
  const { person, link, codes, said, isSelf, mayWrite } = model;
  return html`<div id="person" class="grid-side" data-address="${isSelf ? "/account/body" : base(model)}"><div class="stack-5">${said}${link === undefined ? undefined : linkCard(link)}${codes === undefined ? undefined : codesCard(codes)}${passkeysCard(model)}${sessionsCard(model)}</div><aside class="stack-5">${card(
    "Person",
    facts([
      ["Name", person.name],
      ["E-mail", person.email ?? html`<span class="muted">none</span>`],
      ["Roles", person.roles.map((role) => role.replace("_", " ")).join(", ")],
      ["State", stateBadge(person.status)],
      ["Id", shortCode(person.id, 22)],
      ["Since", time(person.createdAt)],
    ]),
  )}${mayWrite && !isSelf ? rolesCard(model) : undefined}</aside></div>`;
}

function codesCard(codes: readonly string[]): Html {
  return html`<section class="card" aria-label="Recovery codes">${notice("accent", "Keep these codes somewhere safe", "Each enrols one new passkey should you lose yours. They are shown this once, and earlier ones hold no more.")}<pre>${codes.join("\n")}</pre>${copyable(codes.join(" "), "Copy all")}</section>`;
}

function base({ person, isSelf }: PersonModel): string {
  return isSelf ? "/account" : path`/people/${person.id}`;
}

function passkeysCard(model: PersonModel): Html {
  const { passkeys, isSelf, mayWrite, now, person } = model;
  const address = base(model);
  const actions = isSelf
    ? html`<div class="row"><button type="button" class="button small" hx-post="/account/recovery-codes" hx-target="#person" hx-swap="outerHTML" hx-confirm="New recovery codes are made; earlier ones hold no more.">Recovery codes</button></div>`
    : mayWrite && person.status !== "revoked"
      ? html`<button type="button" class="button small" hx-post="${`${address}/link`}" hx-target="#person" hx-swap="outerHTML">New link</button>`
      : undefined;
  const add = isSelf
    ? fold(
        "Add a passkey",
        html`<form data-ceremony="add-passkey" data-refresh="#person">${failure()}${input("passkey", { name: "name", label: "Name", maxLength: 80, placeholder: "phone", hint: "this device, a phone or a security key will ask you" })}<div class="form-end">${submit("Enrol passkey")}</div></form>`,
      )
    : undefined;
  const list =
    passkeys.length === 0
      ? empty(
          "key",
          "No passkey",
          person.status === "invited" ? "The invitation was not used yet." : "Without one there is no way to sign in.",
        )
      : table(
          "Passkeys",
          ["Name", "Backed up", "Last use", "Enrolled", ""],
          passkeys.map((passkey) => [
            passkey.name,
            passkey.isBackedUp ? badge("yes", "ok") : html`<span class="muted">on one device</span>`,
            passkey.lastUsedAt === null ? html`<span class="muted">never</span>` : relative(passkey.lastUsedAt, now),
            relative(passkey.createdAt, now),
            isSelf || mayWrite
              ? html`<div class="row"><button type="button" class="button small danger" hx-post="${`${address}${path`/passkeys/${passkey.id}/removal`}`}" hx-target="#person" hx-swap="outerHTML" hx-confirm="${`${passkey.name} signs nothing from now on. What it signed can still be checked.`}">Remove</button></div>`
              : undefined,
          ]),
        );
  return card("Passkeys", html`${list}${add}`, actions);
}

function sessionsCard(model: PersonModel): Html {
  const { sessions, isSelf, mayWrite, now } = model;
  const address = base(model);
  const mayEnd = isSelf || mayWrite;
  return card(
    "Sessions",
    sessions.length === 0
      ? html`<p class="muted">Signed in nowhere.</p>`
      : table(
          "Sessions",
          ["Browser", "From", "Last seen", "Since", ""],
          sessions.map((session) => [
            html`${browserName(session.browser)} ${session.isThis ? badge("this one", "accent") : undefined}`,
            session.address,
            relative(session.lastSeenAt, now),
            relative(session.createdAt, now),
            mayEnd && !session.isThis
              ? html`<div class="row"><button type="button" class="button small" hx-post="${`${address}${path`/sessions/${session.id}/end`}`}" hx-target="#person" hx-swap="outerHTML">End</button></div>`
              : undefined,
          ]),
        ),
    mayEnd && sessions.length > 1
      ? html`<button type="button" class="button small" hx-post="${`${address}/sessions/end`}" hx-target="#person" hx-swap="outerHTML" hx-confirm="Every session ends at once.">Sign out everywhere</button>`
      : undefined,
  );
}

function browserName(agent: string): string {
  const browser = /(Edg|Firefox|Chrome|Safari)\/?/.exec(agent)?.[1] ?? "";
  const system = /(Windows|Mac OS X|Android|iPhone|iPad|Linux)/.exec(agent)?.[1] ?? "";
  const name = browser === "Edg" ? "Edge" : browser;
  return [name, system].filter((part) => part !== "").join(" on ") || (agent === "" ? "unknown" : agent.slice(0, 40));
}

function rolesCard({ person, form }: PersonModel): Html {
  const address = path`/people/${person.id}`;
  if (person.status === "revoked")
    return card("Roles", html`<p class="muted">Whoever is revoked stays revoked. Invite them anew.</p>`);
  return card(
    "Manage",
    html`<form hx-post="${`${address}/roles`}" hx-target="#person" hx-swap="outerHTML">${formError(form)}${boxes("roles", "roles", "Roles", ROLE_CHOICES, person.roles)}<div class="form-end">${submit("Save roles", "plain")}</div></form><div><button type="button" class="button danger" hx-post="${`${address}/revocation`}" hx-target="#person" hx-swap="outerHTML" hx-confirm="${`${person.name} is signed out and can do nothing from now on. It cannot be undone.`}">Revoke</button></div><p class="small-text"><a href="${withQuery("/events", { type: "person" })}">Events about people</a></p>`,
  );
}
