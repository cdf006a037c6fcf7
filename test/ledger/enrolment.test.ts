import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { canonicalize, type JsonObject } from "#src/base/canonical-json.ts";
import { type EnrolmentLine, enrolmentLine, parseEnrolmentLine } from "#src/ledger/enrolment.ts";

const LINE: EnrolmentLine = {
  tenant: "ten_0",
  passkey: "psk_0",
  person: "per_0",
  subject: "sub_0",
  name: "Olga <Owner>",
  credentialId: "AQID",
  publicKey: Uint8Array.of(0xa1, 0x01, 0x02),
  algorithm: -7,
  rpId: "writ.example",
  origin: "https://writ.example",
  enrolledAt: "2026-12-01T09:00:00.000Z",
};

function refusal(text: string): string {
  try {
    parseEnrolmentLine(text);
    return "read";
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe("an enrolment line", () => {
  test("reads as what was written", () => {
    for (const line of [LINE, { ...LINE, removedAt: "2026-12-02T09:00:00.000Z" }]) {
      expect(parseEnrolmentLine(enrolmentLine(line))).toEqual(line);
    }
    const { name: _, ...nameless } = LINE;
    expect(parseEnrolmentLine(enrolmentLine(nameless))).toEqual(nameless);
  });

  test("without a member, or with another one, is refused", () => {
    const json = JSON.parse(enrolmentLine(LINE)) as JsonObject;
    for (const name of Object.keys(json).filter((member) => member !== "name")) {
      const { [name]: _, ...rest } = json;
      expect([name, refusal(canonicalize(rest))]).toEqual([name, "verification_failed"]);
    }
    const wrongs: JsonObject = {
      kind: "assertion",
      v: 2,
      tenant: "a b",
      passkey: 1,
      person: "",
      subject: null,
      name: 5,
      credential_id: "AQI=",
      public_key: "A",
      algorithm: -35,
      rp_id: "",
      origin: 7,
      enrolled_at: "2026-02-30T00:00:00.000Z",
      removed_at: "soon",
      more: true,
    };
    for (const [name, value] of Object.entries(wrongs)) {
      expect([name, refusal(canonicalize({ ...json, [name]: value }))]).toEqual([name, "verification_failed"]);
    }
  });

  test("that is not canonical, or no JSON, is refused", () => {
    expect(refusal(` ${enrolmentLine(LINE)}`)).toBe("verification_failed");
    fc.assert(fc.property(fc.json(), (text) => expect(refusal(text)).toBe("verification_failed")));
    fc.assert(fc.property(fc.string(), (text) => expect(refusal(text)).toBe("verification_failed")));
  });
});
