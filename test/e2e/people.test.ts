import { afterAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnrolmentLine } from "#src/ledger/enrolment.ts";
import { send } from "#test/http/support.ts";
import { createAuthenticator } from "#test/support/authenticator.ts";
import { cleanUp } from "#test/support/binary.ts";
import { createInstance } from "#test/support/instance.ts";
import { createBrowser, linkOf } from "#test/support/signed-in.ts";

const LONG = 60_000;
afterAll(cleanUp, LONG);

describe("the executable's people", () => {
  test(
    "come in by the link that it prints, with each kind of key; the host then asks a passkey",
    async () => {
      const instance = createInstance({ WRIT_RATE_SOURCE: "0" });
      const made = await instance.ask(["init"]);
      expect(made["setup_link"]).toMatch(/^http:\/\/localhost:8620\/enrol#[0-9a-z]{26}\.[0-9a-z]{26}\.[\w-]{43}$/);
      const server = await instance.start();
      const seen = await send(server.address, undefined, "POST", "/v1/session/setup", {
        headers: { origin: "http://localhost:8620" },
        body: { link: linkOf(String(made["setup_link"])) },
      });
      expect(seen.json).toMatchObject({ kind: "setup", tenant: "default" });
      const newest = await instance.ask(["person", "setup-link"]);
      const ask = (method: string, path: string, asked?: Parameters<typeof send>[4]) =>
        send(server.address, undefined, method, path, asked);

      // A new link that was asked for voids those before.
      const stale = await createBrowser({ ask }).enrol(String(made["setup_link"]), { name: "Mallory" });
      expect([stale.status, stale.json.code]).toEqual([403, "link_invalid"]);
      const owner = createBrowser({ ask }, createAuthenticator({ algorithm: "EdDSA" }));
      const enrolled = await owner.enrol(String(newest["url"]), { name: "Olga Owner" });
      expect([enrolled.status, enrolled.text]).toEqual([201, expect.stringContaining("Olga Owner")]);

      const people = await instance.list(["person", "list"]);
      expect(people).toMatchObject([{ name: "Olga Owner", roles: ["owner"], status: "active" }]);
      const host = await instance.run(["person", "invite", "Mallory", "--role", "approver"]);
      expect(host).toMatchObject({ code: 2, stderr: expect.stringContaining("a person has to do this, signed in") });
      expect((await instance.run(["person", "setup-link"])).code).toBe(2);
      expect((await instance.run(["person", "recovery-codes", "Olga Owner", "--new"])).code).toBe(2);
      expect(await instance.ask(["person", "recovery-codes", "Olga Owner"])).toMatchObject({ recovery_codes: 0 });

      for (const algorithm of ["ES256", "RS256"] as const) {
        const invited = await owner.ask("POST", "/v1/admin/people", { body: { name: algorithm, roles: ["approver"] } });
        const guest = createBrowser({ ask }, createAuthenticator({ algorithm }));
        expect((await guest.enrol(invited.json.link.url)).status).toBe(201);
        expect((await createBrowser({ ask }, guest.authenticator).signIn()).status).toBe(201);
      }

      const out = join(instance.folder, "approvers.jsonl");
      expect((await instance.run(["person", "passkeys", "export", "--out", out])).code).toBe(0);
      const lines = readFileSync(out, "utf8").trimEnd().split("\n").map(parseEnrolmentLine);
      expect(lines.map(({ name, algorithm }) => [name, algorithm])).toEqual([
        ["Olga Owner", -8],
        ["ES256", -7],
        ["RS256", -257],
      ]);
      expect(lines[0]?.credentialId).toBe(owner.authenticator.passkeys[0]?.credentialId as string);

      await server.stop();
      expect((await instance.run(["verify", instance.dataFolder])).code).toBe(0);
      const again = await instance.start();
      expect((await again.stop()).stdout).not.toContain("setup_link");
    },
    LONG,
  );

  test(
    "are the host's to make until the first of them has a passkey",
    async () => {
      const instance = createInstance();
      await instance.ask(["init"]);
      const invited = await instance.ask(["person", "invite", "Ada", "--role", "owner", "--email", "ada@example.org"]);
      expect(invited).toMatchObject({ name: "Ada", status: "invited", link: { kind: "invitation" } });
      expect(await instance.ask(["person", "role", "Ada", "auditor", "approver"])).toMatchObject({
        roles: ["approver", "auditor"],
      });
      expect(await instance.ask(["person", "show", "ada@example.org"])).toMatchObject({ name: "Ada", passkeys: [] });
      expect(await instance.ask(["person", "link", "Ada"])).toMatchObject({ kind: "invitation" });
      expect(await instance.list(["person", "passkeys", "Ada"])).toEqual([]);
      expect((await instance.run(["person", "passkeys", "export"])).stdout).toBe("");
      expect(await instance.list(["person", "sessions"])).toEqual([]);
      expect(await instance.ask(["person", "revoke", "Ada"])).toMatchObject({ status: "revoked" });
      const refusals: readonly (readonly string[])[] = [
        ["person", "show", "Nobody"],
        ["person", "invite", "Bob"],
        ["person", "invite", "Bob", "--role", "root"],
        ["person", "invite", "Bob", "--role", "approver"],
        ["person", "recover", "Ada"],
        ["person", "recovery-codes", "Ada", "--new"],
        ["person", "sign-out", "Nobody"],
      ];
      for (const words of refusals) expect([words, (await instance.run(words)).code]).toEqual([words, 2]);
    },
    LONG,
  );
});
