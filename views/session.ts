import { input } from "./form.ts";
import { type Html, html } from "./html.ts";
import { icon } from "./icons.ts";
import { failure } from "./parts.ts";

/** The page where one signs in. `next`: where to go then is in the address. */
export function signInPage(): Html {
  return html`<section class="card" data-signed-in="check"><h1>Sign in</h1><p class="muted">Writ knows you by your passkey: there is no password to type and none to lose.</p><form data-ceremony="sign-in">${failure()}<button type="submit" class="button primary large">${icon("key")}Sign in with a passkey</button></form>${NO_SCRIPT}</section><p class="muted small-text">No passkey yet? Somebody who may can invite you. All lost? Use a <a href="/recover">recovery code</a>.</p>`;
}

/** The page where a one-time link leads: the first owner, or somebody who was invited. */
export function enrolPage(): Html {
  return html`<section class="card"><h1>Enrol a passkey</h1><p class="muted">Your device makes a key that never leaves it, and asks for your finger, face or PIN to use it. It signs you in, and it signs what you approve.</p><form data-ceremony="enrol" data-waits><p data-who>&nbsp;</p>${failure()}<div data-profile class="stack" hidden>${input("enrol", { name: "name", label: "Your name", required: true, maxLength: 80, autocomplete: "name", hint: "as others see it in approvals" })}${input("enrol", { name: "email", label: "E-mail", type: "email", maxLength: 254, autocomplete: "email" })}</div>${input("enrol", { name: "passkey", label: "Name of this passkey", maxLength: 80, placeholder: "laptop" })}<button type="submit" class="button primary large">${icon("key")}Enrol passkey</button></form>${NO_SCRIPT}</section>`;
}

/** The page where a recovery code leads to a new passkey. */
export function recoverPage(): Html {
  return html`<section class="card"><h1>Use a recovery code</h1><p class="muted">Each code enrols one new passkey.</p><form data-ceremony="recover">${failure()}${input("recover", { name: "code", label: "Recovery code", required: true, isCode: true, maxLength: 100 })}<button type="submit" class="button primary large">${icon("key")}Go on</button></form>${NO_SCRIPT}</section><p class="small-text"><a href="/sign-in">Back to signing in</a></p>`;
}

const NO_SCRIPT = html`<noscript><p class="notice warn">Passkeys need JavaScript. These pages load two scripts from this server and none from anywhere else.</p></noscript>`;

/** What went wrong, where a page should be. */
export function errorPage(status: number, message: string, requestId: string | undefined): Html {
  const title =
    status === 404
      ? "There is nothing here"
      : status === 403
        ? "You may not see this"
        : status >= 500
          ? "Something went wrong"
          : "That does not work";
  return html`<section class="card"><h1>${title}</h1><p>${message.charAt(0).toUpperCase()}${message.slice(1)}.</p>${requestId === undefined ? undefined : html`<p class="muted small-text">Request <code>${requestId}</code></p>`}<div><a class="button" href="/">Go to the overview</a></div></section>`;
}
