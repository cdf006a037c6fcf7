import { ENROL_PATH } from "#src/identity/invitations.ts";
import { enrolPage, recoverPage, signInPage } from "#views/session.ts";
import type { Route } from "../route.ts";
import { openPage } from "./page.ts";

/** Pages for whoever is not signed in. What they do they ask of `/v1/session`. */
export const SESSION_PAGES: readonly Route[] = [
  openPage("/sign-in", "Show the page where one signs in", () => ({ title: "Sign in", body: signInPage() })),
  openPage(ENROL_PATH, "Show the page where a one-time link leads", () => ({ title: "Enrol", body: enrolPage() })),
  openPage("/recover", "Show the page where a recovery code is used", () => ({
    title: "Recovery",
    body: recoverPage(),
  })),
];
