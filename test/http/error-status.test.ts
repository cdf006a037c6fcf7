import { describe, expect, test } from "bun:test";
import { ERROR_CODES, type ErrorCode } from "#src/base/error-codes.ts";
import { WritError } from "#src/base/errors.ts";
import { ERROR_STATUS, STATUS_TITLES } from "#src/http/error-status.ts";
import { errorReply } from "#src/http/problem.ts";

describe("the status of errors", () => {
  test("every code has one and no code is made up", () => {
    expect(Object.keys(ERROR_STATUS).sort()).toEqual(Object.keys(ERROR_CODES).sort());
  });

  test("every status is an error's and has its phrase", () => {
    for (const status of Object.values(ERROR_STATUS)) {
      expect(status).toBeGreaterThanOrEqual(400);
      expect(STATUS_TITLES.get(status)).toBeString();
    }
  });
});

describe("problem documents", () => {
  test("hold the members of RFC 9457 and the code", () => {
    const { status, json, contentType } = errorReply(new WritError("call_required"));
    expect(contentType).toBe("application/problem+json");
    expect(status).toBe(422);
    expect(json).toEqual({
      type: "about:blank",
      title: "Unprocessable Content",
      status: 422,
      code: "call_required",
      detail: ERROR_CODES.call_required,
    });
  });

  test("details stand beside them and replace none", () => {
    const details = { code: "mine", status: 1, field: "a" };
    const { json } = errorReply(new WritError("invalid_argument", "`a` is missing", { details }));
    expect(json).toMatchObject({ code: "invalid_argument", status: 400, field: "a", detail: "`a` is missing" });
  });

  test("say nothing of a cause", () => {
    const secret = "/home/operator/writ/keys";
    const errors = [
      new Error(secret),
      secret,
      new WritError("store_failed", secret),
      new WritError("internal", secret),
      new WritError("key_material_missing", secret),
      new WritError("conflict", undefined, { cause: secret }),
    ];
    for (const error of errors) expect(JSON.stringify(errorReply(error))).not.toContain(secret);
  });

  test("a 401 says how to sign in and a 429 when to come back", () => {
    expect(errorReply(new WritError("unauthenticated")).headers).toHaveProperty("www-authenticate");
    const details = { retry_after_seconds: 7 };
    expect(errorReply(new WritError("rate_limited", "slow down", { details })).headers).toMatchObject({
      "retry-after": "7",
    });
  });

  test("no code of a fault answers with its own message", () => {
    for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
      if (ERROR_STATUS[code] !== 500 || code === "verification_failed") continue;
      expect(errorReply(new WritError(code, "inside")).json).toMatchObject({ detail: ERROR_CODES[code] });
    }
  });
});
