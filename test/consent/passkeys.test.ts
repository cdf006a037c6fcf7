import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { fromBase64Url, toBase64Url } from "#src/base/bytes.ts";
import type { AssertionResponse, EnrolmentResponse } from "#src/consent/passkeys.ts";
import { startInstance, type TestInstance } from "#test/support/composed.ts";
import type { TestTenant } from "#test/support/tenant.ts";
import { enrolOwner, enrolPerson, type TestPerson } from "./people-support.ts";

let instance: TestInstance;
let tenant: TestTenant;
let owner: TestPerson;

beforeAll(async () => {
  instance = await startInstance();
  tenant = await instance.tenant();
  owner = await enrolOwner(instance, tenant);
});
afterAll(() => instance.stop());

const CHALLENGE = new Uint8Array(32).fill(7);

/** The code that an answer is refused with; `verified` where it is not. */
async function judge(response: AssertionResponse, person = owner, challenge = CHALLENGE): Promise<string> {
  const { passkeys } = instance.services;
  return passkeys.verifyAssertion(tenant.id, person.id, challenge, response).then(
    () => "verified",
    (error) => error.code as string,
  );
}

async function answer(person = owner): Promise<AssertionResponse> {
  const options = await instance.services.passkeys.assertionOptions(tenant.id, person.id, CHALLENGE);
  return person.authenticator.get(options);
}

/** The same base64url with one bit of its bytes turned over. */
function flip(text: string, at: number): string {
  const bytes = fromBase64Url(text);
  const index = at % (bytes.length * 8);
  bytes[index >> 3] = (bytes[index >> 3] as number) ^ (1 << (index & 7));
  return toBase64Url(bytes);
}

describe("an assertion", () => {
  test("verifies with each kind of key, and gives an auditor all of it", async () => {
    for (const algorithm of ["ES256", "EdDSA", "RS256"] as const) {
      const person = await enrolPerson(instance, tenant, owner, ["approver"], { algorithm });
      const response = await answer(person);
      const verified = await instance.services.passkeys.verifyAssertion(tenant.id, person.id, CHALLENGE, response);
      expect(verified.evidence).toEqual({
        credential_id: response.id,
        authenticator_data: response.response.authenticatorData,
        client_data: response.response.clientDataJSON,
        signature: response.response.signature,
      });
      expect(verified.counter).toBeGreaterThan(0);
    }
  });

  test("with any bit turned over does not", async () => {
    const good = await answer();
    expect(await judge(good)).toBe("verified");
    const fields = ["authenticatorData", "clientDataJSON", "signature"] as const;
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...fields), fc.nat(4000), async (field, at) => {
        const response = { ...good.response, [field]: flip(good.response[field], at) };
        expect([field, at, await judge({ ...good, response })]).toEqual([field, at, "passkey_refused"]);
      }),
      { numRuns: 150 },
    );
  });

  test("of whatever shape is refused and no fault", async () => {
    const good = await answer();
    const text = fc.oneof(fc.string(), fc.base64String(), fc.constant(good.response.authenticatorData));
    await fc.assert(
      fc.asyncProperty(text, text, text, text, async (id, authenticatorData, clientDataJSON, signature) => {
        const response = { authenticatorData, clientDataJSON, signature };
        const judged = await judge({ ...good, id, rawId: id, response });
        expect(judged).toBe("passkey_refused");
        expect(await judge({ ...good, response: { ...response, clientDataJSON: good.response.clientDataJSON } })).toBe(
          "passkey_refused",
        );
      }),
      { numRuns: 100 },
    );
  });

  test("is of this person, this tenant and this challenge", async () => {
    const guest = await enrolPerson(instance, tenant, owner, ["member"]);
    expect(await judge(await answer(guest))).toBe("passkey_refused");
    expect(await judge(await answer(), guest)).toBe("passkey_refused");
    expect(await judge(await answer(), owner, new Uint8Array(32))).toBe("passkey_refused");
    const other = await instance.tenant("other");
    const stranger = await enrolOwner(instance, other);
    expect(await judge(await answer(stranger).catch(() => stranger.authenticator.get(discoverable())))).toBe(
      "passkey_refused",
    );
    const foreign = await instance.services.passkeys
      .verifyAssertion(other.id, owner.id, CHALLENGE, await answer())
      .catch((error) => error.code);
    expect(foreign).toBe("passkey_refused");
  });

  test("counts once: of two units with the same counter one alone commits", async () => {
    const { passkeys, recorder } = instance.services;
    const verified = await passkeys.verifyAssertion(tenant.id, owner.id, CHALLENGE, await answer());
    const commit = () =>
      recorder.tryRecord({
        tenant: tenant.id,
        type: "test.used",
        actor: owner.subject,
        statements: [verified.statement],
        data: {},
      });
    const results = await Promise.all([commit(), commit()]);
    expect(results.map(({ kind }) => kind).toSorted()).toEqual(["committed", "refused"]);
  });

  test("with a counter that stands still or goes back is of a copied authenticator", async () => {
    const { passkeys, recorder } = instance.services;
    const options = await passkeys.assertionOptions(tenant.id, owner.id, CHALLENGE);
    const now = owner.authenticator.get(options, { counter: 1000 });
    const verified = await passkeys.verifyAssertion(tenant.id, owner.id, CHALLENGE, now);
    const { statement } = verified;
    await recorder.record({ tenant: tenant.id, type: "test.used", actor: "system", statements: [statement], data: {} });
    for (const counter of [1000, 999, 1, 0]) {
      expect([counter, await judge(owner.authenticator.get(options, { counter }))]).toEqual([
        counter,
        "passkey_refused",
      ]);
    }
    expect(await judge(owner.authenticator.get(options, { counter: 1001 }))).toBe("verified");
  });
});

describe("an enrolment", () => {
  test("of whatever shape is refused and no fault", async () => {
    const { passkeys } = instance.services;
    const options = passkeys.enrolmentOptions({ person: owner.id, name: "x", exclude: [] }, CHALLENGE);
    const good = owner.authenticator.create(options);
    expect((await passkeys.verifyEnrolment(CHALLENGE, good)).credentialId).toBe(good.id);
    const judgeEnrolment = (response: EnrolmentResponse): Promise<string> =>
      passkeys.verifyEnrolment(CHALLENGE, response).then(
        () => "verified",
        (error) => error.code as string,
      );
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
        const response = { ...good.response, attestationObject: toBase64Url(bytes) };
        expect(await judgeEnrolment({ ...good, response })).toBe("passkey_refused");
      }),
      { numRuns: 150 },
    );
    // A cut or a longer object: what is behind it does not go unseen.
    const whole = fromBase64Url(good.response.attestationObject);
    for (const length of [0, 1, 36, 55, 100, whole.length - 1]) {
      const response = { ...good.response, attestationObject: toBase64Url(whole.slice(0, length)) };
      expect([length, await judgeEnrolment({ ...good, response })]).toEqual([length, "passkey_refused"]);
    }
  });
});

function discoverable() {
  return instance.services.passkeys.discoverableOptions(CHALLENGE);
}
