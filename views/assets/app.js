// What the pages need beyond htmx: the session's token on every request, a passkey where one is asked for, questions before
// what cannot be undone, toasts, the command palette, copying, and the live queue. No dependency, no build step.
"use strict";
(() => {
  const csrf = document.querySelector('meta[name="writ-csrf"]')?.content ?? "";
  const CSRF_HEADER = "Writ-CSRF";
  const PROOF_HEADER = "Writ-Reauthentication";

  /* Requests */

  class Refused extends Error {
    constructor(code, message, details) {
      super(message);
      this.code = code;
      this.details = details;
    }
  }

  /** Sends JSON and gives the answer's; throws what a problem document says. */
  async function callJson(method, path, body, headers = {}) {
    const response = await fetch(path, {
      method,
      credentials: "same-origin",
      headers: { "content-type": "application/json", accept: "application/json", ...(csrf ? { [CSRF_HEADER]: csrf } : {}), ...headers },
      ...(method === "GET" ? {} : { body: JSON.stringify(body ?? {}) }),
    });
    const text = await response.text();
    let answer = {};
    try { answer = text === "" ? {} : JSON.parse(text); } catch { /* what is no JSON says nothing */ }
    if (!response.ok) throw new Refused(answer.code ?? "failed", answer.detail ?? `the server answered ${response.status}`, answer);
    return answer;
  }

  /** The same, proving presence with a passkey where the server asks for it. */
  async function callProven(method, path, body) {
    try {
      return await callJson(method, path, body, proofHeaders());
    } catch (error) {
      if (error.code !== "reauthentication_required") throw error;
      await proveAgain();
      return callJson(method, path, body, proofHeaders());
    }
  }

  // Good for five minutes and with this session alone; kept for this tab, so that one look at the passkey does for a few pages.
  const PROOF_KEY = "writ-reauthentication";
  function proofHeaders() {
    const [proof, expiresAt] = (sessionStorage.getItem(PROOF_KEY) ?? "").split(" ");
    return proof && Date.parse(expiresAt) > Date.now() ? { [PROOF_HEADER]: proof } : {};
  }

  const keepProof = ({ proof, expires_at: expiresAt }) => sessionStorage.setItem(PROOF_KEY, `${proof} ${expiresAt}`);

  async function proveAgain() {
    const { publicKey } = await callJson("POST", "/v1/session/reauthentication/options");
    keepProof(await callJson("POST", "/v1/session/reauthentication", { credential: await assertion(publicKey) }));
  }

  /* Passkeys (WebAuthn Level 3 section 5.1.8 and 5.1.9) */

  async function assertion(options) {
    try {
      const credential = await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
      return credential.toJSON();
    } catch (error) {
      throw readable(error);
    }
  }

  async function attestation(options) {
    try {
      const credential = await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) });
      return credential.toJSON();
    } catch (error) {
      throw readable(error);
    }
  }

  function readable(error) {
    if (error?.name === "NotAllowedError") return new Error("the passkey was not used: it was cancelled, or it took too long");
    if (error?.name === "InvalidStateError") return new Error("this device has a passkey here already");
    if (error?.name === "SecurityError") return new Error("passkeys work at the public address alone: open the pages there");
    return error instanceof Error ? error : new Error("the passkey could not be used");
  }

  /* Toasts */

  function toast(text, tone = "plain") {
    const place = document.getElementById("toasts");
    if (place === null) return;
    const entry = document.createElement("div");
    entry.className = `toast ${tone}`;
    entry.append(Object.assign(document.createElement("span"), { textContent: text }));
    const close = Object.assign(document.createElement("button"), { type: "button", textContent: "✕" });
    close.setAttribute("aria-label", "Dismiss");
    close.addEventListener("click", () => entry.remove());
    entry.append(close);
    place.append(entry);
    setTimeout(() => entry.remove(), tone === "bad" ? 12_000 : 5000);
  }

  const sentence = (text) => (text === "" ? text : text[0].toUpperCase() + text.slice(1));

  /* htmx: headers, presence, questions, failures */

  document.addEventListener("htmx:config:request", ({ detail: { ctx } }) => {
    ctx.request.headers[CSRF_HEADER] = csrf;
    Object.assign(ctx.request.headers, proofHeaders());
    ctx.fetch = async (action, request) => {
      const response = await fetch(action, request);
      if (response.headers.get("writ-error") !== "reauthentication_required") return response;
      await proveAgain();
      return fetch(action, { ...request, headers: { ...request.headers, ...proofHeaders() } });
    };
  });

  document.addEventListener("htmx:confirm", (event) => {
    event.preventDefault();
    const { ctx, issueRequest, dropRequest } = event.detail;
    question(ctx.confirm).then((yes) => (yes ? issueRequest() : dropRequest()));
  });

  document.addEventListener("htmx:before:swap", (event) => {
    const { ctx } = event.detail;
    const error = ctx.response?.headers.get("writ-error");
    if (!error) return;
    if (error === "unauthenticated") {
      event.preventDefault();
      return location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
    }
    // Forms show what is wrong in themselves; anything else says so at the edge and stays as it is.
    if (ctx.response.headers.get("writ-fragment") === "form") return;
    event.preventDefault();
    toast(sentence(decodeURIComponent(ctx.response.headers.get("writ-error-text") ?? "something went wrong")), "bad");
  });

  document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
    const said = ctx.response?.headers.get("writ-said");
    if (said) toast(decodeURIComponent(said));
    const wrong = document.querySelector("[data-focus]");
    if (wrong !== null) {
      wrong.removeAttribute("data-focus");
      wrong.focus();
    }
  });

  document.addEventListener("htmx:error", ({ detail: { error } }) => {
    toast(sentence(error?.message || "the server could not be reached"), "bad");
  });

  function question(text) {
    return new Promise((resolve) => {
      const dialog = document.createElement("dialog");
      dialog.className = "ask-dialog";
      dialog.setAttribute("aria-labelledby", "question");
      const title = Object.assign(document.createElement("h2"), { id: "question", textContent: "Are you sure?" });
      const body = Object.assign(document.createElement("p"), { textContent: text });
      const row = Object.assign(document.createElement("div"), { className: "row" });
      const no = Object.assign(document.createElement("button"), { type: "button", className: "button", textContent: "Cancel" });
      const yes = Object.assign(document.createElement("button"), { type: "button", className: "button primary", textContent: "Continue" });
      row.append(no, yes);
      dialog.append(title, body, row);
      document.body.append(dialog);
      no.addEventListener("click", () => dialog.close("no"));
      yes.addEventListener("click", () => dialog.close("yes"));
      dialog.addEventListener("close", () => {
        dialog.remove();
        resolve(dialog.returnValue === "yes");
      });
      dialog.showModal();
      no.focus();
    });
  }

  /* Forms that need an authenticator */

  function showFailure(form, error) {
    const place = form.querySelector("[data-failure]");
    if (place === null) return toast(sentence(error.message), "bad");
    place.textContent = sentence(error.message);
    place.hidden = false;
  }

  async function whileBusy(form, work) {
    const buttons = [...form.querySelectorAll("button")].filter((button) => !button.disabled);
    form.querySelector("[data-failure]")?.setAttribute("hidden", "");
    for (const button of buttons) button.disabled = true;
    try {
      await work();
    } catch (error) {
      showFailure(form, error);
    } finally {
      for (const button of buttons) button.disabled = false;
    }
  }

  const fieldsOf = (form) => Object.fromEntries(new FormData(form));

  const nextPath = () => {
    const next = new URLSearchParams(location.search).get("next") ?? "/";
    return /^\/(?![/\\])/.test(next) ? next : "/";
  };

  const CEREMONIES = {
    "sign-in": async () => {
      const { publicKey } = await callJson("POST", "/v1/session/sign-in/options");
      const signedIn = await callJson("POST", "/v1/session/sign-in", { credential: await assertion(publicKey) });
      keepProof(signedIn.reauthentication);
      location.assign(nextPath());
    },
    enrol: async (form) => {
      const { name, email, passkey } = fieldsOf(form);
      // The secret is in the fragment, which no server's log and no referrer ever sees.
      const link = location.hash.slice(1);
      const profile = { ...(name ? { name } : {}), ...(email ? { email } : {}) };
      const { publicKey } = await callJson("POST", "/v1/session/enrolment/options", { link, ...profile });
      const credential = await attestation(publicKey);
      const signedIn = await callJson("POST", "/v1/session/enrolment", { link, credential, ...(passkey ? { passkey_name: passkey } : {}) });
      keepProof(signedIn.reauthentication);
      location.assign("/");
    },
    recover: async (form) => {
      const { url } = await callJson("POST", "/v1/session/recovery", { code: fieldsOf(form).code.trim() });
      location.assign(new URL(url).pathname + new URL(url).hash);
    },
    "add-passkey": async (form) => {
      const { publicKey } = await callProven("POST", "/v1/session/passkeys/options");
      const credential = await attestation(publicKey);
      const { name } = fieldsOf(form);
      await callProven("POST", "/v1/session/passkeys", { credential, ...(name ? { name } : {}) });
      await refresh(form.dataset.refresh);
      toast("The passkey is enrolled.");
    },
    decide: async (form, submitter) => {
      const { approval, comment = "", grant = "once", uses = "", minutes = "", scope } = fieldsOf(form);
      const verdict = submitter?.value === "approve" ? "approved" : "denied";
      const granted = { ...grantOf(grant, uses, minutes), ...(scope === undefined ? {} : { scope }) };
      const body = {
        verdict,
        ...(verdict === "denied" || Object.keys(granted).length === 0 ? {} : { grant: granted }),
        ...(comment === "" ? {} : { comment }),
      };
      const path = `/v1/admin/approvals/${encodeURIComponent(approval)}`;
      const { publicKey } = await callProven("POST", `${path}/challenge`, body);
      await callProven("POST", `${path}/decision`, { credential: await assertion(publicKey) });
      await refresh(form.dataset.refresh);
      toast(verdict === "approved" ? "Approved. The agent may make this call now." : "Denied. The agent is told.");
    },
    "break-glass": async (form) => {
      const { agent, command, minutes, reason } = fieldsOf(form);
      const body = { agent, reason, seconds: (Number(minutes) || 1) * 60, ...(command ? { command } : {}) };
      const { publicKey } = await callProven("POST", "/v1/admin/break-glass/challenge", body);
      await callProven("POST", "/v1/admin/break-glass", { credential: await assertion(publicKey) });
      await refresh(form.dataset.refresh);
      toast("The emergency grant is open. A review is due once it ends.");
    },
    review: async (form) => {
      const { emergency, comment } = fieldsOf(form);
      const path = `/v1/admin/break-glass/${encodeURIComponent(emergency)}/review`;
      const { publicKey } = await callProven("POST", `${path}/challenge`, { comment });
      await callProven("POST", path, { credential: await assertion(publicKey) });
      await refresh(form.dataset.refresh);
      toast("The review is signed.");
    },
    "sign-out": async () => {
      await callJson("DELETE", "/v1/session");
      sessionStorage.removeItem(PROOF_KEY);
      location.assign("/sign-in");
    },
  };

  /* The pages before signing in */

  // A link from elsewhere comes without the cookie (SameSite=Strict), this page's own request comes with it.
  if (document.querySelector("[data-signed-in=check]") !== null) {
    callJson("GET", "/v1/session").then(() => location.replace(nextPath()), () => undefined);
  }

  const enrolment = document.querySelector("form[data-ceremony=enrol]");
  if (enrolment !== null) {
    callJson("POST", "/v1/session/setup", { link: location.hash.slice(1) }).then(
      ({ kind, person, tenant }) => {
        const profile = enrolment.querySelector("[data-profile]");
        profile.hidden = kind !== "setup";
        profile.querySelector("input").required = kind === "setup";
        const who = enrolment.querySelector("[data-who]");
        who.textContent = kind === "setup" ? `You become the first owner of ${tenant}.` : `For ${person?.name ?? person}, in ${tenant}.`;
      },
      (error) => showFailure(enrolment, error),
    ).finally(() => enrolment.removeAttribute("data-waits"));
  }

  function grantOf(kind, uses, minutes) {
    if (kind === "uses") return { uses: Number(uses) || 1 };
    if (kind === "run") return { run: true };
    if (kind === "run") return { run: true };
    if (kind === "minutes") return { seconds: (Number(minutes) || 1) * 60 };
    return {};
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    const ceremony = form instanceof HTMLFormElement ? CEREMONIES[form.dataset.ceremony ?? ""] : undefined;
    if (ceremony === undefined) return;
    event.preventDefault();
    void whileBusy(form, () => ceremony(form, event.submitter));
  });

  /** Draws a part of the page anew, as the server has it now. */
  async function refresh(selector) {
    const place = selector === undefined ? null : document.querySelector(selector);
    const path = place?.dataset.address;
    if (place === null || path === undefined) return location.reload();
    await htmx.ajax("GET", path, { target: selector, swap: "outerHTML" });
  }

  /* The live queue: server-sent events say that something changed, the page asks what */

  const live = document.querySelector("[data-stream]");
  if (live !== null) {
    const source = new EventSource(live.dataset.stream);
    let waiting = 0;
    const changed = () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => {
        // What somebody is filling in is not drawn anew under their hands.
        const deciding = document.querySelector("form[data-ceremony=decide]");
        if (deciding?.matches(":focus-within") || deciding?.querySelector("textarea").value) return;
        for (const place of document.querySelectorAll("[data-live]")) void refresh(`#${place.id}`);
      }, 60);
    };
    for (const name of ["message", "approval", "changed", "requested", "decided"]) source.addEventListener(name, changed);
    addEventListener("pagehide", () => source.close());
  }

  /* Following the chain: the list is asked for again, and drawn anew where something came */

  const FOLLOW_MS = 3000;
  // Somebody who left does not keep their session alive by an open page.
  const FOLLOW_IDLE_MS = 10 * 60_000;
  const FOLLOW_KEY = "writ-follow";
  const follow = document.querySelector("[data-follow]");
  if (follow !== null) {
    const button = follow.querySelector("button");
    const status = follow.querySelector("[role=status]");
    let isOn = sessionStorage.getItem(FOLLOW_KEY) !== "off";
    let lastSign = Date.now();
    const say = (text) => { if (status.textContent !== text) status.textContent = text; };
    const show = (text) => {
      button.setAttribute("aria-pressed", String(isOn));
      button.textContent = isOn ? "Following" : "Paused";
      say(text ?? (isOn ? "New events show by themselves." : "New events wait until you follow again."));
    };
    const turn = (on, text) => {
      isOn = on;
      if (on) lastSign = Date.now();
      show(text);
      if (on) void look();
    };
    const look = async () => {
      const place = document.getElementById("events");
      const address = place?.dataset.follows;
      if (!isOn || document.hidden || place === null) return;
      if (address === undefined) return say("Older events do not change.");
      if (Date.now() - lastSign > FOLLOW_IDLE_MS) return turn(false, "Paused, because nobody was here for a while.");
      const response = await fetch(address, { credentials: "same-origin", headers: { "hx-request": "true" } }).catch(() => undefined);
      if (response?.status === 401) return turn(false, "You are signed out.");
      if (response?.ok !== true) return say("The server cannot be reached; trying again.");
      const fresh = new DOMParser().parseFromString(await response.text(), "text/html").getElementById("events");
      const newest = Number(place.dataset.newest);
      const isStale = document.getElementById("events") !== place || fresh === null || !isOn;
      if (isStale || Number(fresh.dataset.newest) <= newest) return;
      // What somebody is in the middle of, by keyboard or by marking text, stays where it is.
      if (place.matches(":focus-within") || place.contains(getSelection()?.isCollapsed === false ? getSelection().anchorNode : null)) {
        return say("There are new events; they show once you leave the list.");
      }
      let count = 0;
      for (const row of fresh.querySelectorAll("tbody tr")) {
        if (Number(row.querySelector("a")?.getAttribute("href")?.split("/").at(-1)) > newest) {
          row.classList.add("fresh");
          count += 1;
        }
      }
      place.replaceWith(fresh);
      htmx.process(fresh);
      say(count === 1 ? "One new event." : `${count} new events.`);
    };
    button.addEventListener("click", () => {
      sessionStorage.setItem(FOLLOW_KEY, isOn ? "off" : "on");
      turn(!isOn);
    });
    for (const name of ["pointermove", "keydown", "scroll"]) addEventListener(name, () => { lastSign = Date.now(); }, { passive: true });
    document.addEventListener("visibilitychange", () => void look());
    show();
    setInterval(() => void look(), FOLLOW_MS);
  }

  /* Small things */

  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest("[data-copy]") : null;
    if (button === null) return;
    navigator.clipboard.writeText(button.dataset.copy).then(
      () => toast("Copied."),
      () => toast("The browser did not let the page copy: select the text instead.", "bad"),
    );
  });

  function countDown() {
    for (const place of document.querySelectorAll("[data-expires]")) {
      const seconds = Math.max(0, Math.round((Date.parse(place.dataset.expires) - Date.now()) / 1000));
      const [minutes, rest] = [Math.floor(seconds / 60), seconds % 60];
      place.textContent = seconds === 0 ? "expired" : minutes >= 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${minutes}:${String(rest).padStart(2, "0")}`;
    }
  }
  countDown();
  setInterval(countDown, 1000);

  /* Command palette (ARIA APG: combobox with a list) */

  const palette = document.getElementById("palette");
  if (palette !== null) {
    const field = palette.querySelector("input");
    const list = palette.querySelector("ul");
    const none = palette.querySelector(".none");
    const entries = [...list.children];
    let selected = 0;
    const shown = () => entries.filter((entry) => !entry.hidden);
    const select = (index) => {
      const visible = shown();
      selected = visible.length === 0 ? 0 : (index + visible.length) % visible.length;
      for (const entry of entries) entry.setAttribute("aria-selected", "false");
      const entry = visible[selected];
      none.hidden = entry !== undefined;
      if (entry === undefined) return field.removeAttribute("aria-activedescendant");
      entry.setAttribute("aria-selected", "true");
      entry.scrollIntoView({ block: "nearest" });
      field.setAttribute("aria-activedescendant", entry.id);
    };
    const filter = () => {
      const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const entry of entries) entry.hidden = !words.every((word) => entry.dataset.words.includes(word));
      select(0);
    };
    const open = () => {
      if (palette.open) return;
      field.value = "";
      filter();
      palette.showModal();
    };
    const go = (entry) => {
      if (entry !== undefined) location.assign(entry.dataset.address);
    };
    field.addEventListener("input", filter);
    palette.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown") select(selected + 1);
      else if (event.key === "ArrowUp") select(selected - 1);
      else if (event.key === "Enter") go(shown()[selected]);
      else return;
      event.preventDefault();
    });
    list.addEventListener("click", (event) => go(event.target.closest("li")));
    palette.addEventListener("click", (event) => { if (event.target === palette) palette.close(); });
    document.addEventListener("keydown", (event) => {
      if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        open();
      }
    });
    for (const button of document.querySelectorAll("[data-palette]")) button.addEventListener("click", open);
  }
})();
