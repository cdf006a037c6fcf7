import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Client } from "#src/identity/sessions.ts";
import { enrolOwner, type TestPerson } from "#test/consent/people-support.ts";
import { startInstance, type TestInstance } from "#test/support/composed.ts";
import type { TestTenant } from "#test/support/tenant.ts";

const CLIENT: Client = { browser: "a browser", address: "127.0.0.1" };

let instance: TestInstance;
let tenant: TestTenant;
let owner: TestPerson;

beforeAll(async () => {
  instance = await startInstance();
  tenant = await instance.tenant();
  owner = await enrolOwner(instance, tenant);
});
afterAll(() => instance.stop());

const isSignedIn = async (cookie: string, client = CLIENT): Promise<boolean> =>
  (await instance.services.sessions.authenticate(cookie, client)) !== undefined;

describe("a cookie", () => {
  test("of plain localhost is of its device: the browser, and where it is", async () => {
    expect(await isSignedIn(owner.cookie)).toBe(true);
    for (const address of ["::1", "127.0.0.2"])
      expect(await isSignedIn(owner.cookie, { ...CLIENT, address })).toBe(true);
    expect(await isSignedIn(owner.cookie, { ...CLIENT, address: "192.0.2.7" })).toBe(false);
    expect(await isSignedIn(owner.cookie, { ...CLIENT, browser: "a browser " })).toBe(false);
    expect(await isSignedIn(owner.cookie, { ...CLIENT, browser: "" })).toBe(false);
  });

  test("with any character changed, of another tenant, or of any other text, is nobody's", async () => {
    const other = await instance.tenant("other");
    expect(await isSignedIn(`${other.id.slice(4)}${owner.cookie.slice(26)}`)).toBe(false);
    await fc.assert(
      fc.asyncProperty(fc.nat(owner.cookie.length - 1), fc.constantFrom(..."0aZ_-."), async (at, character) => {
        fc.pre(owner.cookie[at] !== character);
        const changed = owner.cookie.slice(0, at) + character + owner.cookie.slice(at + 1);
        expect([at, character, await isSignedIn(changed)]).toEqual([at, character, false]);
      }),
      { numRuns: 200 },
    );
    await fc.assert(fc.asyncProperty(fc.string(), async (text) => expect(await isSignedIn(text)).toBe(false)));
  });

  test("is stored as a hash: what the table holds signs nobody in", async () => {
    const { reader } = instance.services;
    const rows = await reader.all<Record<string, unknown>>("SELECT * FROM sessions WHERE tenant_id = ?", [tenant.id]);
    const secret = owner.cookie.split(".")[2] as string;
    expect(JSON.stringify(rows.map((row) => Object.values(row).map(String)))).not.toContain(secret);
    const { hash } = rows[0] as { hash: Uint8Array };
    const forged = [
      ...owner.cookie.split(".").slice(0, 2),
      hash.toBase64({ alphabet: "base64url", omitPadding: true }),
    ];
    expect(await isSignedIn(forged.join("."))).toBe(false);
  });
});

describe("proof of the passkey", () => {
  test("is of one session, for five minutes, and of this process", async () => {
    const { sessions } = instance.services;
    const { id } = owner.principal.session;
    const { proof, expiresAt } = sessions.prove(id);
    expect(sessions.isProven(id, proof)).toBe(true);
    expect(expiresAt).toBe(instance.clock.now() + 5 * 60_000);
    const [at = "", signature = ""] = proof.split(".");
    for (const text of ["", "x", proof.slice(1), `${Number(at) + 1}.${signature}`, `${at}.${"A".repeat(43)}`]) {
      expect([text, sessions.isProven(id, text)]).toEqual([text, false]);
    }
    fc.assert(fc.property(fc.string(), (text) => expect(sessions.isProven(id, text)).toBe(false)));
    instance.clock.advance(5 * 60_000);
    expect(sessions.isProven(id, proof)).toBe(false);
  });
});
