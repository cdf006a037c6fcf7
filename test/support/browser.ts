import { describe, test } from "bun:test";
import { existsSync } from "node:fs";
import { type Browser, type BrowserContext, type CDPSession, chromium, type Page } from "playwright-core";

/** Where Debian, and others, put Chromium. */
const PLACES: readonly string[] = [
  process.env["CHROMIUM"] ?? "",
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/** The browser's executable, where this machine has one. */
export function findChromium(): string | undefined {
  return PLACES.find((path) => path !== "" && existsSync(path));
}

/** A `describe` whose tests drive a browser. Without one they are skipped, saying so; in CI, which has one, that fails. */
export function describeBrowser(name: string, body: () => void): void {
  if (findChromium() !== undefined) {
    describe(name, body);
    return;
  }
  const reason = "needs Chromium (`apt-get install chromium`, or its path in CHROMIUM)";
  describe(`${name} (skipped: ${reason})`, () => {
    if (process.env["CI"] === undefined) test.skip(reason, () => {});
    else {
      test(reason, () => {
        throw new Error("Chromium is not installed in CI");
      });
    }
  });
}

/** Starts the browser. Root has no sandbox to start it in. */
export function startBrowser(): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error("there is no Chromium");
  const args = ["--disable-gpu", "--disable-dev-shm-usage", "--force-color-profile=srgb"];
  return chromium.launch({ executablePath, args: process.getuid?.() === 0 ? [...args, "--no-sandbox"] : args });
}

/** The browser gives up its own animation between two pages when the window changes meanwhile, as tests have it change. */
const RESIZED = /^Transition was (?:aborted|skipped)\b/;

/** What went wrong in pages without their saying so: errors of scripts, refused by the policy, requests that failed. */
export interface Complaints {
  readonly console: string[];
  readonly external: string[];
}

/** A browser's profile with an authenticator in it that answers by itself. */
export interface Device {
  readonly context: BrowserContext;
  readonly page: Page;
  readonly complaints: Complaints;
  /** Whether the authenticator verifies its user from now on. */
  setVerified(isVerified: boolean): Promise<void>;
}

/** Makes a device that shows pages of `origin`. */
export async function makeDevice(
  browser: Browser,
  origin: string,
  options: { readonly width?: number; readonly height?: number; readonly scheme?: "light" | "dark" } = {},
): Promise<Device> {
  const { width = 1280, height = 900, scheme = "light" } = options;
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, baseURL: origin });
  const page = await context.newPage();
  const complaints: Complaints = { console: [], external: [] };
  page.on("console", (message) => {
    if (message.type() === "error") complaints.console.push(`${page.url()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => {
    if (!RESIZED.test(error.message)) complaints.console.push(`${page.url()}: ${error.message}`);
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(origin) && !request.url().startsWith("data:"))
      complaints.external.push(request.url());
  });
  const { session, authenticator } = await addAuthenticator(context, page);
  return {
    context,
    page,
    complaints,
    setVerified: async (isUserVerified) => {
      await session.send("WebAuthn.setUserVerified", { authenticatorId: authenticator, isUserVerified });
    },
  };
}

async function addAuthenticator(
  context: BrowserContext,
  page: Page,
): Promise<{ readonly session: CDPSession; readonly authenticator: string }> {
  const session = await context.newCDPSession(page);
  await session.send("WebAuthn.enable");
  const { authenticatorId } = await session.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2",
      transport: "internal",
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  return { session, authenticator: authenticatorId };
}
