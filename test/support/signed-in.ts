import type { Answered, Asked, Edge } from "#test/http/support.ts";
import { type Authenticator, createAuthenticator, DEFAULT_ORIGIN, type Misbehaviour } from "./authenticator.ts";

/** A browser without a screen, with a passkey authenticator, at the pages of a server. It does what Writ's own pages do. */
export interface Browser {
  readonly authenticator: Authenticator;
  /** The session's cookie; a test may set another. */
  cookie: string | undefined;
  csrfToken: string | undefined;
  /** What is sensitive carries it. */
  proof: string | undefined;
  /** A request as a page makes it: cookie, origin, CSRF token, proof. Headers that are given replace those. */
  ask(method: string, path: string, asked?: Asked): Promise<Answered>;
  /** Opens a one-time link, by its whole address, and enrols. */
  enrol(url: string, owner?: { readonly name: string }, wrong?: Misbehaviour): Promise<Answered>;
  signIn(wrong?: Misbehaviour): Promise<Answered>;
  /** Shows the passkey again. */
  reauthenticate(wrong?: Misbehaviour): Promise<Answered>;
}

/** Makes one that is not signed in. */
export function createBrowser(edge: Pick<Edge, "ask">, authenticator: Authenticator = createAuthenticator()): Browser {
  const take = (answer: Answered): Answered => {
    const set = answer.headers.get("set-cookie");
    if (set !== null) browser.cookie = set.slice(0, set.indexOf(";"));
    if (answer.json?.csrf_token !== undefined) browser.csrfToken = answer.json.csrf_token;
    const proof = answer.json?.reauthentication?.proof ?? answer.json?.proof;
    if (proof !== undefined) browser.proof = proof;
    return answer;
  };
  const browser: Browser = {
    authenticator,
    cookie: undefined,
    csrfToken: undefined,
    proof: undefined,
    ask: async (method, path, asked = {}) =>
      take(
        await edge.ask(method, path, {
          ...asked,
          headers: {
            origin: DEFAULT_ORIGIN,
            "sec-fetch-site": "same-origin",
            "user-agent": "Test/1.0",
            ...(browser.cookie === undefined ? {} : { cookie: browser.cookie }),
            ...(browser.csrfToken === undefined ? {} : { "writ-csrf": browser.csrfToken }),
            ...(browser.proof === undefined ? {} : { "writ-reauthentication": browser.proof }),
            ...asked.headers,
          },
        }),
      ),
    enrol: async (url, owner, wrong) => {
      const link = linkOf(url);
      const options = await browser.ask("POST", "/v1/session/enrolment/options", { body: { link, ...owner } });
      if (options.status !== 200) return options;
      const credential = authenticator.create(options.json.publicKey, wrong);
      return browser.ask("POST", "/v1/session/enrolment", { body: { link, credential, passkey_name: "Laptop" } });
    },
    signIn: async (wrong) => {
      const options = await browser.ask("POST", "/v1/session/sign-in/options");
      if (options.status !== 200) return options;
      const credential = authenticator.get(options.json.publicKey, wrong);
      return browser.ask("POST", "/v1/session/sign-in", { body: { credential } });
    },
    reauthenticate: async (wrong) => {
      const options = await browser.ask("POST", "/v1/session/reauthentication/options");
      if (options.status !== 200) return options;
      const credential = authenticator.get(options.json.publicKey, wrong);
      return browser.ask("POST", "/v1/session/reauthentication", { body: { credential } });
    },
  };
  return browser;
}

/** What stands behind the `#` of a one-time link. */
export function linkOf(url: string): string {
  return url.slice(url.indexOf("#") + 1);
}

/** A tenant's first owner, enrolled and signed in. */
export async function enrolOwner(edge: Edge, tenant = "default", name = "Olga Owner"): Promise<Browser> {
  const link = await edge.operate("POST", "/v1/admin/people/setup-link", { headers: { "writ-tenant": tenant } });
  const browser = createBrowser(edge);
  const enrolled = await browser.enrol(link.json.url, { name });
  if (enrolled.status !== 201) throw new Error(`the owner did not enrol: ${link.text} ${enrolled.text}`);
  return browser;
}

/** Somebody whom an owner invited, enrolled and signed in. */
export async function enrolPerson(
  edge: Edge,
  owner: Browser,
  name: string,
  roles: readonly string[],
): Promise<Browser> {
  const invited = await owner.ask("POST", "/v1/admin/people", { body: { name, roles } });
  const browser = createBrowser(edge);
  const enrolled = await browser.enrol(invited.json?.link?.url ?? "");
  if (enrolled.status !== 201) throw new Error(`${name} did not enrol: ${invited.text} ${enrolled.text}`);
  return browser;
}
